"""Finished ONNX files, whoever wrote them: opened, described, fed, audited and counted.

Nothing here imports torch or onnxruntime. It imports `onnx`, so commands that read no model leave it alone.
"""
