"""The road that a model travels: suite, prune, export, run, analyse, gate, record."""
