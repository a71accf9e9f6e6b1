"""Says why a variant is not as fast as its ideal: from a record alone, each reason with its evidence."""

from .explaining import explain, explanations

__all__ = ["explain", "explanations"]
