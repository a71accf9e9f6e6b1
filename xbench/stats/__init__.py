"""The arithmetic of xbench: pure functions from samples to estimates and verdicts."""
