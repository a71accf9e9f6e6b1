"""Tries the measurement itself on this machine: on a copy that must be the same, and on a planted slowdown."""
