"""What pruning really buys on each deployment target, and whether the pruned model may ship there."""

from ._version import __version__

__all__ = ["__version__"]
