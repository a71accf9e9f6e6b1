"""Small files with known zeros, and targets with round figures."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

from xbench.inspecting.looking import Looking, Target
from xbench.records.audit import LayerAudit
from xbench.records.profile import Fact, Facts, HardwareProfile, Requirements
from xbench.records.work import LayerWork

ROWS, INPUTS, HIDDEN, OUTPUTS = 4, 64, 128, 32


def weight(*shape, seed=0):
    drawn = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return np.where(drawn == 0, np.float32(1), drawn)


def two_four(matrix, seed=0):
    """Two of each four consecutive weights along the first axis (what a MatMul sums over), drawn by chance, go."""
    groups = matrix.reshape(-1, 4, matrix.shape[1])
    keep = np.random.default_rng(seed).random(groups.shape).argsort(axis=1) < 2
    return (groups * keep).reshape(matrix.shape)


def mlp(first=None, second=None, *, rows=ROWS, metadata=None):
    """x -> MatMul(first) -> Relu -> MatMul(second) -> y, fp32."""
    first = weight(INPUTS, HIDDEN) if first is None else first
    second = weight(HIDDEN, OUTPUTS, seed=1) if second is None else second
    nodes = [
        h.make_node("MatMul", ["x", "w1"], ["a"], name="fc1"),
        h.make_node("Relu", ["a"], ["b"], name="relu"),
        h.make_node("MatMul", ["b", "w2"], ["y"], name="fc2"),
    ]
    return model(
        nodes,
        [h.make_tensor_value_info("x", T.FLOAT, [rows, first.shape[0]])],
        [h.make_tensor_value_info("y", T.FLOAT, [rows, second.shape[1]])],
        [nh.from_array(first, "w1"), nh.from_array(second, "w2")],
        metadata,
    )


def model(nodes, inputs, outputs, initializers=(), metadata=None):
    graph = h.make_graph(nodes, "g", inputs, outputs, list(initializers))
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    if metadata:
        h.set_model_props(made, metadata)
    return made


def saved(made, path):
    onnx.save(made, path)
    return path


def fact(value):
    return Fact(value=value, source="by hand")


def profile(name="card", *, runner="tensorrt", precision="fp16", rates=True, **more):
    """A card of 100 TOPS, 200 with 2:4, and 1000 GB/s: with fp16, 50 operations take as long as a byte."""
    facts = Facts(
        peak_tops={precision: fact(100)},
        sparse_peak_tops={precision: fact(200)},
        memory_gb_per_s=fact(1000),
        sparsity=("2:4",),
    )
    values = {
        "schema": "xbench.profile/1",
        "name": name,
        "title": name,
        "runner": runner,
        "precision": precision,
        "options": {"trt_sparsity_enable": True} if runner == "tensorrt" else {},
        "facts": facts if rates else Facts(sparsity=("2:4",)),
        "evidence": "never run",
    }
    return HardwareProfile(**values | more)


NOWHERE = profile("nowhere", runner="cpu", precision="fp32", requires=Requirements(architectures=("pdp11",)))
"""The reference of a machine on which nothing can be run."""


def looking(*profiles, **more):
    """Looks without running anything, unless another reference is given."""
    return Looking([Target(one, one.name) for one in profiles], **{"reference": NOWHERE} | more)


def layer_audit(**more):
    values = {
        "node": "fc",
        "op_type": "MatMul",
        "weight": "w",
        "shape": (1000, 1000),
        "elements": 1_000_000,
        "zeros": 0,
        "zero_outputs": 0,
        "valid_2_4": False,
        "dtype": "float32",
        "outputs": 1000,
        "inputs": 1000,
    }
    return LayerAudit(**values | more)


def layer(*, macs, activations, audit=None, **more):
    return LayerWork(
        node="fc", op_type="MatMul", audit=audit or layer_audit(), macs=macs, activation_elements=activations, **more
    )
