"""Artifacts: ONNX files with a digest, a provenance and a description. No torch here."""
