"""Hardware profiles: one YAML file per deployment target, shipped with the package."""
