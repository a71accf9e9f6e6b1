"""Results on disk: one folder a run, each file written whole or not at all."""
