"""Hardware profiles: found by name, read from YAML, held against the machine."""
