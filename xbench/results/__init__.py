"""Recorded runs together: an index of their cases, queries, tables, and how a case moved from run to run."""

from .querying import Results, open_results

__all__ = ["Results", "open_results"]
