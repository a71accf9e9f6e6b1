"""Writes an ONNX file again with half-precision weights and arithmetic, by ONNX Runtime's own converter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from xbench.errors import InvalidError
from xbench.onnxfile.constants import scopes
from xbench.onnxfile.dtypes import to_array
from xbench.onnxfile.walk import shown, tensors
from xbench.onnxfile.weights import weights
from xbench.onnxfile.writing import write_graph
from xbench.protocols import Calibration

from .float_source import float_model, tools_of_onnxruntime

# IEEE 754 binary16: the largest finite value, and the least positive one. The converter clamps to both, so that
# no value becomes infinite and none that was not zero becomes zero.
LARGEST = 65504.0
LEAST = 2.0**-24


class Float16Converter:
    """fp16 by `onnxruntime.transformers.float16`.

    It is kept up with ONNX Runtime; onnxconverter-common, which it comes from, lacks its later repairs (casts of
    nodes without names, Resize, initializers that single-precision nodes share).
    """

    def convert(self, source: Path, target: Path, calibration: Calibration | None) -> tuple[str, ...]:
        """Write `target`: inputs and outputs as they were, nearly all between them in half precision.

        Operators without a kernel in half precision keep single precision, with casts around them. Raises
        InvalidError where a weight is beyond float16: clamping it would change what the model computes.
        """
        model = float_model(source, "fp16")
        _require_weights_in_range(model)
        notes = tuple(_notes(model))
        with tools_of_onnxruntime(source, "fp16"):
            from onnxruntime.transformers.float16 import convert_float_to_float16

            converted = convert_float_to_float16(model, keep_io_types=True)
        write_graph(converted, target)
        return notes


def _require_weights_in_range(model: onnx.ModelProto) -> None:
    for scope in scopes(model):
        for weight in weights(scope):
            values = np.abs(np.asarray(weight.constant.array(), np.float64))
            beyond = int(np.count_nonzero(values > LARGEST))
            if beyond:
                raise InvalidError(
                    f"{beyond} weights of {shown(weight.node_name)} are beyond float16",
                    f"the largest is {values.max():.3g}, and float16 ends at {LARGEST:g}",
                    "leave out fp16, or scale the layer before it is exported",
                )


def _notes(model: onnx.ModelProto) -> Iterator[str]:
    """What float16 cannot hold as it was: none of it becomes a zero, and none infinite."""
    clamped = small = 0
    for tensor in tensors(model):
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = np.abs(to_array(tensor))
            clamped += int(np.count_nonzero((values > LARGEST) & np.isfinite(values)))
            small += int(np.count_nonzero((values > 0) & (values < LEAST)))
    if clamped:
        yield f"{clamped} constants that are no weights (such as those of masks) are clamped to {LARGEST:g}"
    if small:
        yield f"{small} values below {LEAST:.1e} are raised to it, so that they do not become zeros"
