"""`python -m xbench` is `xbench`."""

from .cli.main import main

if __name__ == "__main__":
    main()
