"""Suites: the file that a user writes, as a frozen record."""
