"""Runners: each runs one ONNX artifact on one execution provider. Plug-ins of the core, one short file each."""
