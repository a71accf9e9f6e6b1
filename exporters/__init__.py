"""Exporters: each makes an ONNX file out of a PyTorch module. Plug-ins of the core, one short file each."""
