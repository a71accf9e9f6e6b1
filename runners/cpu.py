"""The CPU provider of ONNX Runtime."""

from __future__ import annotations

from .ort_session import OrtSessionRunner


class CpuRunner(OrtSessionRunner):
    """`CPUExecutionProvider`: dense kernels; it multiplies zeros like any number."""
