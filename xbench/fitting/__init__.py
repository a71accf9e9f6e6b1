"""Fits a model's widths to a target: what each layer takes there at each width, and which widths to keep."""
