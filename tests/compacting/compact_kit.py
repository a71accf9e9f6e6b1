"""Small models whose units are only zeroed, and ONNX Runtime in this process in place of a worker: it starts at once."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

from xbench.compacting import compacting, verifying
from xbench.compacting.compacting import Compacting, compact
from xbench.progress import Journey
from xbench.protocols import ProfileReport

F = np.float32


class Silent:
    def show(self, *_):
        pass

    def note(self, _):
        pass

    def close(self):
        pass


class InProcess:
    """What is asked of a `LoadedModel`; it tells no shapes, so that they are worked out."""

    def __init__(self, path: Path, optimised: bool) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        if not optimised:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = ort.InferenceSession(str(path), options)

    def infer(self, sets):
        names = [output.name for output in self.session.get_outputs()]
        return [dict(zip(names, self.session.run(None, dict(feeds)), strict=True)) for feeds in sets]

    def profile(self, feeds, *, optimised):
        self.infer([feeds])
        return ProfileReport({}, {})


@contextmanager
def in_process(path, label, profile, time_limit):
    yield InProcess(path, profile.options.get("optimisation") != "none")


def quick(monkeypatch):
    for module in (compacting, verifying):
        monkeypatch.setattr(module, "loaded", in_process)


def run(source, target, **how):
    return compact(Path(source), Path(target), Compacting(**how), Journey(Silent()))


def value(name, shape, dtype=T.FLOAT):
    return h.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, constants, opset=17, **extra):
    named = [nh.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = h.make_graph(nodes, "g", inputs, outputs, named)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=9, **extra)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(F) / F(np.sqrt(shape[0]))


def mlp(dead=4, hidden=8, bias=0.0):
    """x [batch, 6] -> hidden -> y [batch, 3]; the first `dead` of the hidden neurons have no weights, and a bias."""
    w1, b1 = drawn(6, hidden), drawn(hidden, seed=1)
    w1[:, :dead], b1[:dead] = 0, bias
    return model(
        [
            h.make_node("MatMul", ["x", "w1"], ["a"], name="fc1"),
            h.make_node("Add", ["a", "b1"], ["b"], name="bias1"),
            h.make_node("Relu", ["b"], ["c"], name="relu"),
            h.make_node("MatMul", ["c", "w2"], ["d"], name="fc2"),
            h.make_node("Add", ["d", "b2"], ["y"], name="bias2"),
        ],
        [value("x", ["batch", 6])],
        [value("y", ["batch", 3])],
        {"w1": w1, "b1": b1, "w2": drawn(hidden, 3, seed=2), "b2": drawn(3, seed=3)},
    )


def save(made, path):
    path.write_bytes(made.SerializeToString())
    return path


def constants(path):
    return {tensor.name: nh.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def same_outputs(one, other, feeds, atol=1e-5):
    pairs = zip(InProcess(one, True).infer([feeds]), InProcess(other, True).infer([feeds]), strict=True)
    return all(np.allclose(a[name], b[name], atol=atol) for a, b in pairs for name in a)
