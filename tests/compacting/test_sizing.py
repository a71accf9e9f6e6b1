"""The sizings of a model, and the shapes inside."""

from __future__ import annotations

import numpy as np
import pytest
from small_graphs import Running, drawn, graph

from xbench.compacting.sizing import sized
from xbench.errors import InputError
from xbench.onnxfile.wishes import Wanted

pytest.importorskip("onnxruntime")


def image(**more):
    """Two open axes of an image beside the batch; what a pool leaves of them is computed from sizes."""
    nodes = [
        ("Conv", "x w", "a"),
        ("Shape", "a", "sizes"),
        ("Gather", "sizes one", "channels"),
        ("Concat", "first channels rest", "target", {"axis": 0}),
        ("Reshape", "a target", "y"),
    ]
    weights = {"w": drawn(4, 3, 1, 1), "one": np.int64([1]), "first": np.int64([0]), "rest": np.int64([-1])}
    return graph(nodes, [("x", ["n", 3, "height", "width"])], ["y"], weights, **more)


def open_sizes(sizing, name, axes):
    return [[shape[axis] for shape in sizing.shapes[name]] for axis in axes]


def test_every_open_axis_has_another_size_and_no_two_the_same():
    model = image()
    sizing = sized(model, Running(model))
    assert len(sizing.feeds) == len(sizing.inputs) == 2
    batch, height, width = open_sizes(sizing, "x", (0, 2, 3))
    assert len({tuple(each) for each in (batch, height, width)}) == 3
    assert all(first != second for first, second in (batch, height, width))
    assert open_sizes(sizing, "a", (1,)) == [[4, 4]]
    assert sizing.shapes["w"] == ((4, 3, 1, 1),) * 2
    assert sizing.shapes["y"] == tuple((n, 4, h * w) for n, h, w in zip(batch, height, width, strict=True))
    assert not sizing.note


def test_without_a_runtime_shapes_are_worked_out():
    model = image()
    assert sized(model, "no runtime here").shapes == sized(model, Running(model)).shapes


def test_what_the_user_gave_is_the_first_sizing(tmp_path):
    model = image()
    asked = sized(model, Running(model), Wanted(shapes={"x": (1, 3, 8, 8)}))
    assert asked.inputs[0] == {"x": (1, 3, 8, 8)}
    assert all(a != b for a, b in zip(asked.inputs[1]["x"], (1, 4, 8, 8), strict=True))
    real = np.ones((5, 3, 7, 9), np.float32)
    np.savez(tmp_path / "real.npz", x=real)
    given = sized(model, Running(model), Wanted(inputs=(tmp_path / "real.npz",)))
    assert given.feeds[0]["x"].tobytes() == real.tobytes()
    assert given.shapes["a"][0] == (5, 4, 7, 9)
    with pytest.raises(InputError, match="fixed at 3"):
        sized(model, Running(model), Wanted(shapes={"x": (1, 4, 8, 8)}))


def test_a_size_that_does_not_run_is_not_taken():
    """A model that wants multiples of 32, and at most 256 of them."""
    model = image()

    def refuses(shapes):
        return max(shapes["x"][2:]) > 256 or any(size % 32 for size in shapes["x"][2:])

    sizing = sized(model, Running(model, refuses))
    assert len(sizing.feeds) == 2
    assert not any(map(refuses, sizing.inputs))


def test_a_second_sizing_that_never_runs_is_worked_out():
    model = image()
    running = Running(model, lambda shapes: shapes["x"][0] > 2)
    sizing = sized(model, running)
    assert (len(sizing.inputs), len(sizing.feeds)) == (2, 1)
    assert open_sizes(sizing, "a", (1,)) == [[4, 4]]


def test_where_only_one_size_can_be_had_open_axes_are_left_out():
    """A value whose shape depends on data: the second sizing neither runs nor can be worked out."""
    nodes = [
        ("MatMul", "w v", "fixed"),
        ("NonZero", "x", "where"),
        ("Shape", "where", "sizes"),
        ("Expand", "fixed sizes", "b"),
        ("ReduceSum", "x", "total"),
        ("Mul", "b total", "y"),
    ]
    model = graph(nodes, [("x", ["n", "m"])], ["y"], {"w": drawn(2, 3), "v": drawn(3, 1)})
    sizing = sized(model, Running(model, lambda shapes: shapes["x"][0] != 2))
    assert "one size only" in sizing.note
    assert len(sizing.inputs) == 1
    assert sizing.shapes["fixed"] == ((2, 1),)
    assert not {"x", "where", "y"} & sizing.shapes.keys()


def test_fixed_axes_need_one_sizing():
    nodes = [("MatMul", "x w", "y")]
    model = graph(nodes, [("x", [2, 3])], ["y"], {"w": drawn(3, 4)})
    sizing = sized(model, Running(model))
    assert sizing.shapes["y"] == ((2, 4),)
    assert not sizing.note


def test_a_model_that_cannot_be_sized_is_refused():
    nodes = [("MatMul", "x w", "y")]
    model = graph(nodes, [("x", [2, 3])], ["y"], {"w": drawn(3, 4)})
    model.graph.node[0].op_type, model.graph.node[0].domain = "Unheard", "of.somebody"
    with pytest.raises(InputError, match="it does not run"):
        sized(model, Running(model, lambda _: True))
