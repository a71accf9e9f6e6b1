"""Makes modules beside this file importable by all tests: `records_by_hand` builds run records without a run."""
