"""Layer sensitivity: one layer's pruning undone at a time, and a recipe that spares the layers that cost most."""
