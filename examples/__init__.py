"""Example suites. `minilm.yaml` is the one that `xbench run` takes when none is named."""
