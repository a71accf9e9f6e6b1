"""A classifier of one matrix, data that it mostly answers rightly, and a suite that compares it with a pruned one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

CHANCE = np.random.default_rng(0)
WEIGHT = CHANCE.normal(size=(4, 3)).astype(np.float32)
EXAMPLES = CHANCE.normal(size=(200, 4)).astype(np.float32)
LABELS = (EXAMPLES @ WEIGHT + CHANCE.normal(scale=0.5, size=(200, 3))).argmax(axis=1)
PRUNED = WEIGHT * np.asarray([[0], [0], [1], [1]], np.float32)


def save_model(path: Path, weight) -> None:
    """`weight`: (features, classes)."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
        for name, size in zip(("x", "y"), weight.shape, strict=True)
    )
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [numpy_helper.from_array(weight, "w")]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def save_data(folder: Path, examples=EXAMPLES, labels=LABELS) -> None:
    np.savez(folder / "data.npz", x=examples, label=labels, half=np.arange(len(labels)) % 2)


def save_suite(folder: Path, gate=(), **evaluate: object) -> Path:
    suite = {
        "schema": "xbench.suite/1",
        "name": "small",
        "variants": [
            {"name": "dense", "onnx": "dense.onnx", "baseline": True},
            {"name": "pruned", "onnx": "pruned.onnx"},
        ],
        "evaluate": {
            "task": "classification",
            "dataset": {"file": "data.npz"},
            "slices": [{"column": "half"}],
            "metrics": ["accuracy", "brier"],
        }
        | evaluate,
        "gate": {"max_drop": dict(gate)},
        "measure": {"precision": "50%", "budget": 2},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return folder / "suite.yaml"


def save_all(folder: Path) -> Path:
    """Two models, data and a suite; the suite's path."""
    save_model(folder / "dense.onnx", WEIGHT)
    save_model(folder / "pruned.onnx", PRUNED)
    save_data(folder)
    return save_suite(folder)


def right(weight, labels=LABELS) -> float:
    """The share of the examples that a model with this weight answers rightly."""
    return float(((EXAMPLES @ weight).argmax(axis=1) == labels).mean())
