"""Prepares variants: loads the dense model, prunes, trains, exports and checks. The wing that needs torch."""
