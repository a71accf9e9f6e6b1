"""Quality: real data, the outputs of the artifact as deployed, and one score for each example."""
