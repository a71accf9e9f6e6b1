"""Metrics: a score for each example, and what many of them make."""
