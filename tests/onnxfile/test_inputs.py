import math
import zipfile

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto as T
from onnx import helper as h

from xbench.errors import InputError
from xbench.onnxfile.dtypes import dtype_name
from xbench.onnxfile.inputs import load_inputs, make_inputs, plan_inputs
from xbench.onnxfile.signature import same_signature, signature

from . import models

V = models.value


def planned(made, shapes=None, batch=None, axes=None):
    return plan_inputs(made, shapes or {}, batch, axes or {})


def fed(made, **wishes):
    """What ONNX Runtime makes of the inputs."""
    arrays = make_inputs(planned(made, **wishes), seed=1)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


def identity(*inputs):
    """A model that takes these inputs and does nothing with them."""
    nodes = [h.make_node("Identity", [each.name], [f"out_{each.name}"]) for each in inputs]
    return models.model(
        nodes, list(inputs), [V(f"out_{each.name}", each.type.tensor_type.elem_type, None) for each in inputs]
    )


def refusal(call, *arguments, **named):
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert str(caught.value).count("\n") <= 2
    return str(caught.value)


def test_bert_gets_ids_its_tables_can_take():
    plan = planned(models.bert())
    assert plan.describe() == (
        "input_ids: batch=1, sequence=128; token ids below 50",
        "attention_mask: batch=1, sequence=128; ones (mask)",
        "token_type_ids: batch=1, sequence=128; zeros (segment ids)",
    )
    assert make_inputs(plan, 0)["input_ids"].max() > 20
    assert fed(models.bert(), batch=3, axes={"sequence": 7})[0].shape == (3, 7, 8)


def test_a_shape_goes_on_to_the_inputs_that_share_its_symbols():
    shapes = planned(models.bert(), shapes={"input_ids": (2, 32)}).shapes
    assert set(shapes.values()) == {(2, 32)}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (["batch", 3, "height", "width"], (1, 3, 224, 224)),
        (["N", "C", "H", "W"], (1, 3, 224, 224)),
        ([None, None, None, None], (1, 3, 224, 224)),
        (["d", "d", "d", "d"], (1, 3, 224, 224)),
        ([-1, 3, -1, 64], (1, 3, 224, 64)),
    ],
)
def test_images(shape, expected):
    assert planned(models.conv(shape)).shapes["x"] == expected
    assert fed(models.conv(shape))


def test_channels_last_and_the_channels_that_the_weight_wants():
    assert planned(identity(V("x", T.UINT8, [None, None, None, 3]))).shapes["x"] == (1, 224, 224, 3)
    assert planned(models.conv([None, None, None, None], models.weights(4, 5, 1, 1))).shapes["x"] == (
        1,
        5,
        224,
        224,
    )


@pytest.mark.parametrize(
    ("mask_axis", "expected"),
    [
        ("past_sequence_length + sequence_length", (128, 144, 16)),
        ("past_sequence_length + 1", (1, 17, 16)),
        ("total_sequence_length", (128, 144, 16)),
        (None, (128, 144, 16)),
        ("sequence_length", (128, 128, 0)),
    ],
)
def test_decoders_with_a_past(mask_axis, expected):
    made = models.decoder(mask_axis)
    shapes = planned(made).shapes
    assert (
        shapes["input_ids"][1],
        shapes["attention_mask"][1],
        shapes["past_key_values.0.key"][2],
    ) == expected
    assert fed(made)


def test_scalars_are_arrays():
    made = models.model(
        [h.make_node("Mul", ["x", "scale"], ["y"])],
        [V("x", T.FLOAT, ["n", 4]), V("scale", T.FLOAT, [])],
        [V("y", T.FLOAT, None)],
    )
    assert isinstance(make_inputs(planned(made), 0)["scale"], np.ndarray)
    assert fed(made)


def test_ir3_lists_initializers_as_inputs():
    made = models.linear()
    made.ir_version = 3
    made.graph.input.append(V("w", T.FLOAT, [4, 3]))
    assert [spec.name for spec in signature(made).inputs] == ["x"]
    assert fed(made)


def test_branches_of_an_if_run():
    assert fed(models.branches(models.weights(4, 2), models.weights(4, 2)))


def test_values_do_not_depend_on_the_order_of_inputs():
    a, b = V("a", T.FLOAT, [4, 4]), V("b", T.FLOAT, [4, 4])
    ours, theirs = (make_inputs(planned(identity(*order)), 3) for order in ((a, b), (b, a)))
    assert all(np.array_equal(ours[name], theirs[name]) for name in "ab")


def test_one_number_at_a_time_measures_nothing():
    assert planned(identity(V("x", T.FLOAT, ["batch", 1]))).shapes["x"] == (128, 1)
    assert planned(identity(V("x", T.FLOAT, ["batch", 1])), batch=1).shapes["x"] == (1, 1)


FED = [
    T.FLOAT,
    T.FLOAT16,
    T.BFLOAT16,
    T.DOUBLE,
    T.INT8,
    T.UINT8,
    T.INT32,
    T.INT64,
    T.UINT64,
    T.BOOL,
    T.FLOAT8E4M3FN,
]
DIMS = st.one_of(
    st.sampled_from([None, "batch", "seq", "N", "s0", "s0 + 1", "?", "-1", "2*"]),
    st.sampled_from([-1, 1, 2, 3, 5]),
)


@settings(deadline=None, max_examples=100)
@given(
    specs=st.lists(st.tuples(st.sampled_from(FED), st.lists(DIMS, max_size=3)), min_size=1, max_size=3),
    names=st.permutations(["x", "attention_mask", "position_ids", "lengths", "past_k"]),
)
def test_any_signature_gets_arrays_of_its_types_and_shapes(specs, names):
    made = identity(*(V(name, dtype, dims) for name, (dtype, dims) in zip(names, specs, strict=False)))
    plan = planned(made)
    arrays = make_inputs(plan, 0)
    for name, (dtype, dims) in zip(names, specs, strict=False):
        assert arrays[name].dtype.name == dtype_name(dtype)
        assert arrays[name].shape == plan.shapes[name]
        assert all(
            size == dim
            for size, dim in zip(arrays[name].shape, dims, strict=True)
            if isinstance(dim, int) and dim > 0
        )
    if any(each.chosen for each in plan.inputs):
        assert any(math.prod(shape) != 1 for shape in plan.shapes.values())


def test_wishes_that_do_not_fit():
    made = models.bert()
    assert "did you mean 'input_ids'" in refusal(planned, made, shapes={"inputs_ids": (1, 2)})
    assert "rank 2, not 1" in refusal(planned, made, shapes={"input_ids": (1,)})
    assert "axis 1 is fixed at 4" in refusal(planned, models.linear(), shapes={"x": (1, 5)})
    assert "did you mean 'sequence" in refusal(planned, made, axes={"sequense": 4})
    assert "no input has an open batch axis" in refusal(planned, models.conv([1, 3, 8, 8]), batch=4)
    assert "GiB" in refusal(planned, models.linear(), batch=10**10)


def test_inputs_that_cannot_be_made_up():
    sized = models.model(
        [
            h.make_node("Cast", ["size"], ["s"], to=T.INT64),
            h.make_node("Reshape", ["x", "s"], ["y"], name="shape_it"),
        ],
        [V("x", T.FLOAT, [4]), V("size", T.INT32, [2])],
        [V("y", T.FLOAT, None)],
    )
    text = refusal(planned, sized)
    assert "'size'" in text
    assert "'shape_it' (Reshape)" in text
    assert "--inputs" in text
    assert "--inputs" in refusal(planned, identity(V("words", T.STRING, [1])))
    listed = identity(V("x", T.FLOAT, [1]))
    listed.graph.input[0].type.CopyFrom(h.make_sequence_type_proto(h.make_tensor_type_proto(T.FLOAT, None)))
    assert "can only be empty" in refusal(planned, models.conv([1, 3, 0, 0]))
    assert "sequence(tensor)" in refusal(planned, listed)
    constant = models.model(
        [h.make_node("Identity", ["w"], ["y"])],
        [],
        [V("y", T.FLOAT, None)],
        [models.constant("w", models.weights(2))],
    )
    assert "nothing to feed" in refusal(planned, constant)


def test_signatures_are_compared_by_name():
    a, b = V("a", T.FLOAT, ["n", 4]), V("b", T.INT64, [2])
    base = signature(identity(a, b))
    assert same_signature(base, signature(identity(b, V("a", T.FLOAT, [7, 4])))) is None
    assert "float32 and float16" in same_signature(base, signature(identity(V("a", T.FLOAT16, ["n", 4]), b)))
    assert "nx4 and nx5" in same_signature(base, signature(identity(V("a", T.FLOAT, ["n", 5]), b)))
    assert "only the first model has the input 'b'" in same_signature(base, signature(identity(a)))


class TestLoadInputs:
    signature = signature(identity(V("x", T.FLOAT, ["n", 2]), V("half", T.BFLOAT16, [2])))
    good = {"x": np.ones((3, 2), np.float32), "half": np.ones(2, ml_dtypes.bfloat16)}  # noqa: RUF012

    def refused(self, folder, **arrays):
        np.savez(folder / "in.npz", **{**self.good, **arrays})
        return refusal(load_inputs, folder / "in.npz", self.signature)

    def test_good(self, tmp_path):
        np.savez_compressed(tmp_path / "in.npz", **self.good)
        loaded = load_inputs(tmp_path / "in.npz", self.signature)
        assert loaded["half"].dtype.name == "bfloat16"
        assert loaded["x"].shape == (3, 2)

    def test_arrays_that_do_not_fit(self, tmp_path):
        assert "x.astype(np.float32)" in self.refused(tmp_path, x=np.ones((3, 2)))
        assert "rank 1" in self.refused(tmp_path, x=np.ones(2, np.float32))
        assert "fixes it at 2" in self.refused(tmp_path, x=np.ones((1, 3), np.float32))
        assert "NaN" in self.refused(tmp_path, x=np.full((1, 2), np.nan, np.float32))
        assert "Python objects" in self.refused(tmp_path, x=np.array([[1, None]], object))
        assert "no input 'y'" in self.refused(tmp_path, y=np.ones(1))

    def test_files_that_are_no_npz(self, tmp_path):
        path = tmp_path / "in.npz"
        assert "no such file" in refusal(load_inputs, path, self.signature)
        path.write_bytes(b"no zip")
        assert "not an .npz" in refusal(load_inputs, path, self.signature)
        np.savez(path, x=self.good["x"])
        assert "has no 'half'" in refusal(load_inputs, path, self.signature)
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"\x00\x00\x80?", b"\x00\x00\x00?"))
        only_x = signature(identity(V("x", T.FLOAT, ["n", 2])))
        assert "damaged" in refusal(load_inputs, path, only_x)

    def test_bombs(self, tmp_path):
        path = tmp_path / "in.npz"
        only_x = signature(identity(V("x", T.FLOAT, [None])))
        header = (
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,), }".ljust(117)
            + b"\n"
        )
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", header)
        assert "there are 0 bytes" in refusal(load_inputs, path, only_x)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", b"tiny")
        bomb = path.read_bytes()
        central = bomb.index(b"PK\x01\x02") + 24
        path.write_bytes(bomb[:central] + (2**32 - 2).to_bytes(4, "little") + bomb[central + 4 :])
        assert refusal(load_inputs, path, only_x)
