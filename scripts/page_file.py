"""What the scripts that write a page of docs share: `--check`, which tests use, or write."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def write_or_check(described: str | None, file: Path, page: Callable[[], str]) -> int:
    """Write the page, or with `--check` only compare: status 1 where the file is stale."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where the page is stale")
    if parser.parse_args().check:
        return int(file.read_text() != page())
    file.write_text(page())
    return 0
