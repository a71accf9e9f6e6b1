"""Writes matrix products of known work, to find out how fast a target multiplies in each precision."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Form = Literal["fp32", "fp16", "bf16", "integer", "qdq"]
"""Operands of the products; `integer` is MatMulInteger, `qdq` is a MatMul between QuantizeLinear and
DequantizeLinear, which a runtime that knows the pattern computes in int8."""

_OPSET, _IR_VERSION = 17, 8
_SCALE = 1 / 64
_CHAIN = 4
_FLOATS: dict[str, tuple[int, Any]] = {
    "fp32": (TensorProto.FLOAT, np.float32),
    "fp16": (TensorProto.FLOAT16, np.float16),
    "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
}


def write_matmul(path: Path, form: Form, size: int) -> tuple[dict[str, NDArray[Any]], int]:
    """Write a chain of square products, `x` (size x size) by weights of the same size, to `y`.

    Returns what to feed, and the operations of one inference: 2 size^3 for each product (a multiply-add counts
    as two, as in the LINPACK and roofline literature; Williams, Waterman and Patterson, 2009). There are four
    products in a chain, so that what is copied in and out weighs little; of `integer` there is one, since
    MatMulInteger gives other types than it takes. Values stay finite: a weight has the variance 1 / size.

    Raises ValueError for a size below 1, OSError where the file cannot be written.
    """
    if size < 1:
        raise ValueError(f"a matrix has at least one row, not {size}")
    made = {"integer": _integer, "qdq": _quantised}.get(form)
    model, feed = made(size) if made else _floating(form, size)
    path.write_bytes(model.SerializeToString())
    products = sum(node.op_type in ("MatMul", "MatMulInteger") for node in model.graph.node)
    return {"x": feed}, 2 * size**3 * products


def _drawn(size: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    return np.asarray(drawn / np.sqrt(size), dtype=np.float32)


def _model(
    nodes: list[onnx.NodeProto], size: int, types: tuple[int, int], constants: list[onnx.TensorProto]
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, kind, [size, size]) for name, kind in zip("xy", types, strict=True))
    graph = helper.make_graph(nodes, "matmul", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _floating(form: str, size: int) -> tuple[onnx.ModelProto, NDArray[Any]]:
    kind, dtype = _FLOATS[form]
    weight = _drawn(size).astype(dtype)
    names = ["x", *(f"product{number}" for number in range(1, _CHAIN)), "y"]
    nodes = [
        helper.make_node("MatMul", [before, "weight"], [after], name=f"matmul_{after}")
        for before, after in pairwise(names)
    ]
    constant = helper.make_tensor("weight", kind, weight.shape, weight.tobytes(), raw=True)
    return _model(nodes, size, (kind, kind), [constant]), weight


def _integer(size: int) -> tuple[onnx.ModelProto, NDArray[Any]]:
    random = np.random.default_rng(0)
    weight = random.integers(-127, 128, (size, size), dtype=np.int8)
    node = helper.make_node("MatMulInteger", ["x", "weight"], ["y"], name="matmul_y")
    model = _model([node], size, (TensorProto.UINT8, TensorProto.INT32), [numpy_helper.from_array(weight, "weight")])
    return model, random.integers(0, 256, (size, size), dtype=np.uint8)


def _quantised(size: int) -> tuple[onnx.ModelProto, NDArray[Any]]:
    """Symmetric int8 (zero point 0), which TensorRT asks for."""
    weight = np.clip(np.rint(_drawn(size) / (4 / np.sqrt(size)) * 127), -127, 127).astype(np.int8)
    constants = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.asarray(4 / np.sqrt(size) / 127, dtype=np.float32), "weight_scale"),
        numpy_helper.from_array(np.asarray(_SCALE, dtype=np.float32), "scale"),
        numpy_helper.from_array(np.asarray(0, dtype=np.int8), "zero"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q0"], name="quantise_x"),
        helper.make_node("DequantizeLinear", ["q0", "scale", "zero"], ["a0"], name="dequantise_x"),
    ]
    for number in range(1, _CHAIN + 1):
        end = "y" if number == _CHAIN else f"a{number}"
        nodes += [
            helper.make_node("DequantizeLinear", ["weight", "weight_scale", "zero"], [f"w{number}"], name=f"w_{end}"),
            helper.make_node("MatMul", [f"a{number - 1}", f"w{number}"], [f"p{number}"], name=f"matmul_{end}"),
            helper.make_node("QuantizeLinear", [f"p{number}", "scale", "zero"], [f"q{number}"], name=f"q_{end}"),
            helper.make_node("DequantizeLinear", [f"q{number}", "scale", "zero"], [end], name=f"dq_{end}"),
        ]
    return _model(nodes, size, (TensorProto.FLOAT, TensorProto.FLOAT), constants), _drawn(size)
