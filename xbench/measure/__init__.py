"""Measuring: worker processes, interleaved blocks, raw samples. No statistics and no printing here."""
