"""Writes files of one layer, once or several times over, to find out what it takes at given widths."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ..errors import InvalidError
from ..records.latency import LayerSignature
from .dtypes import numpy_dtype

_KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
_OPSET, _IR_VERSION = 17, 8
# Conv takes bfloat16 from opset 22 on.
_OPSET_BFLOAT16, _IR_VERSION_BFLOAT16 = 22, 10
# A protobuf message ends at 2 GiB.
_MOST_BYTES = 1 << 30
_POOL = 1 << 20


def write_layer(
    path: Path, signature: LayerSignature, inputs: int, outputs: int, copies: int
) -> dict[str, NDArray[Any]]:
    """Write a file in which `copies` equal layers, each with weights of its own, read the same input `x`.

    Their outputs are added up, each to the sum of those before, so that none is left out: a convolution as
    Relu(Conv + sum), which runtimes compute in one pass; a MatMul with an Add in the place of its bias; a Gemm with
    the sum as its third operand. The first has a bias. So one copy more is one layer with its bias and activation
    more, and all that surrounds them (a call, a reordering of what goes in and out) stays the same.

    Weights are drawn, of size 0.5 to 1 over the square root of what is summed: no zeros, no denormals. Returns what
    to feed. Raises InvalidError where the file would be larger than 1 GiB; ValueError for widths that do not fit.
    """
    if not signature.fits(inputs, outputs) or copies < 1:
        raise ValueError(f"{signature.words()} cannot be {inputs} x {outputs}, {copies} times")
    dtype = numpy_dtype(signature.dtype)
    shape = _weight_shape(signature, inputs, outputs)
    size = copies * math.prod(shape) * dtype.itemsize
    if size > _MOST_BYTES:
        raise InvalidError(f"{copies} layers of {inputs} x {outputs} take {size / 2**30:.1f} GiB in a file")
    graph = _Graph(signature, dtype)
    graph.weight("bias", (outputs,), 1, 0)
    fan_in = math.prod(shape) // outputs
    for number in range(1, copies + 1):
        graph.weight(f"w{number}", shape, fan_in, number)
        graph.layer(number, f"s{number - 1}" if number > 1 else "", f"s{number}" if number < copies else "y")
    path.write_bytes(graph.model(inputs, outputs).SerializeToString())
    return {"x": _drawn(_activation_shape(signature, signature.shape[1:], inputs), 1, 0, dtype)}


class _Graph:
    """The nodes and constants of one file while it is put together."""

    def __init__(self, signature: LayerSignature, dtype: np.dtype[np.generic]) -> None:
        self._signature, self._dtype = signature, dtype
        self._kind = _KINDS[signature.dtype]
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def weight(self, name: str, shape: tuple[int, ...], fan_in: int, turn: int) -> None:
        values = _drawn(shape, fan_in, turn, self._dtype)
        self._constants.append(helper.make_tensor(name, self._kind, shape, values.tobytes(), raw=True))

    def layer(self, number: int, before: str, after: str) -> None:
        """The layer of this number, added to the sum `before` where there is one."""
        made = {"Conv": self._conv, "MatMul": self._matmul, "Gemm": self._gemm}[self._signature.op_type]
        made(number, before, after)

    def _add(self, op_type: str, inputs: list[str], output: str, **given: Any) -> None:
        self._nodes.append(helper.make_node(op_type, inputs, [output], name=f"{op_type}_{output}", **given))

    def _conv(self, number: int, before: str, after: str) -> None:
        one = self._signature
        groups = self._constants[-1].dims[0] if one.depthwise else one.groups
        given = {"kernel_shape": one.kernel, "strides": one.strides, "pads": one.pads, "dilations": one.dilations}
        out = f"c{number}"
        self._add("Conv", ["x", f"w{number}", "bias"], out, group=groups, **given)
        if before:
            self._add("Add", [out, before], f"a{number}")
            out = f"a{number}"
        self._add("Relu", [out], after)

    def _matmul(self, number: int, before: str, after: str) -> None:
        self._add("MatMul", ["x", f"w{number}"], f"m{number}")
        self._add("Add", [f"m{number}", before or "bias"], after)

    def _gemm(self, number: int, before: str, after: str) -> None:
        turned = int(self._signature.transposed)
        self._add("Gemm", ["x", f"w{number}", before or "bias"], after, transB=turned)

    def model(self, inputs: int, outputs: int) -> onnx.ModelProto:
        one = self._signature
        x = helper.make_tensor_value_info("x", self._kind, _activation_shape(one, one.shape[1:], inputs))
        y = helper.make_tensor_value_info("y", self._kind, _activation_shape(one, one.output_sizes(), outputs))
        graph = helper.make_graph(self._nodes, "layer", [x], [y], self._constants)
        wide = self._kind == TensorProto.BFLOAT16
        opset = helper.make_opsetid("", _OPSET_BFLOAT16 if wide else _OPSET)
        version = _IR_VERSION_BFLOAT16 if wide else _IR_VERSION
        return helper.make_model(graph, opset_imports=[opset], ir_version=version)


def _weight_shape(signature: LayerSignature, inputs: int, outputs: int) -> tuple[int, ...]:
    if signature.op_type == "Conv":
        return outputs, 1 if signature.depthwise else inputs // signature.groups, *signature.kernel
    return (outputs, inputs) if signature.transposed else (inputs, outputs)


def _activation_shape(signature: LayerSignature, sizes: tuple[int, ...], width: int) -> tuple[int, ...]:
    """[batch, channels, sizes] of a convolution, [rows, features] of a product."""
    return (signature.shape[0], width, *sizes) if signature.op_type == "Conv" else (*signature.shape, width)


@cache
def _pool() -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    signs = random.integers(0, 2, _POOL, dtype=np.int8) * 2 - 1
    return np.asarray(random.uniform(0.5, 1, _POOL) * signs, dtype=np.float32)


def _drawn(shape: tuple[int, ...], fan_in: int, turn: int, dtype: np.dtype[np.generic]) -> NDArray[Any]:
    """Values of a pool that is drawn once, begun at another place each turn: drawing anew takes long."""
    values = np.resize(np.roll(_pool(), 7919 * turn), shape)
    return np.asarray(values / np.float32(math.sqrt(fan_in))).astype(dtype)
