"""Converters to fp16 and int8: against ONNX Runtime's and NumPy's own arithmetic; zeros stay zeros."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InputError, InvalidError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.opening import open_model
from xbench.plugins import converter
from xbench.protocols import Calibration

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(8, 4, 3, 3)).astype(np.float32)
DENSE = RNG.normal(size=(8, 16)).astype(np.float32)
IMAGES = RNG.normal(size=(32, 4, 6, 6)).astype(np.float32)


def write(path, conv=CONV, dense=DENSE, more=()):
    """A convolution, its mean over the image, and a matrix product."""
    nodes = [
        helper.make_node("Conv", ["image", "conv"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "dense"], ["scores" if not more else "m"]),
    ]
    constants = [numpy_helper.from_array(conv, "conv"), numpy_helper.from_array(dense, "dense")]
    if more:
        nodes.append(helper.make_node("Add", ["m", "more"], ["scores"]))
        constants.append(numpy_helper.from_array(np.asarray(more, np.float32), "more"))
    tensors = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4, 6, 6])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 16])]
    graph = helper.make_graph(nodes, "g", tensors, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def ran(path, images=IMAGES):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def data(images=IMAGES, name="image"):
    return Calibration(tuple({name: images[i : i + 8]} for i in range(0, len(images), 8)), "32 images", "0" * 64)


def two_of_four(weight, axis):
    """Two of each four zero along an axis, the smallest ones."""
    moved = np.moveaxis(weight, axis, -1).copy()
    groups = moved.reshape(-1, 4)
    groups[np.arange(len(groups))[:, None], np.argsort(np.abs(groups), axis=1)[:, :2]] = 0
    return np.moveaxis(groups.reshape(moved.shape), -1, axis)


def weights_of(path):
    """The constants of Conv and MatMul as the file holds them, as NumPy numbers."""
    model = onnx.load(path)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return [array for name, array in arrays.items() if array.size in (CONV.size, DENSE.size)]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_outputs_inputs_bytes_and_zeros(tmp_path, precision):
    source = write(tmp_path / "s.onnx", two_of_four(CONV, 1), two_of_four(DENSE, 0))
    for name in ("a", "b"):
        converter(precision).convert(source, tmp_path / f"{name}.onnx", data())
    target = tmp_path / "a.onnx"
    assert target.read_bytes() == (tmp_path / "b.onnx").read_bytes()
    before, after = audit(open_model(source)), audit(open_model(target))
    assert after.precision == {"fp16": "float16", "int8": "int8"}[precision]
    assert after.zeros >= before.zeros == before.elements // 2
    assert all(layer.valid_2_4 for layer in after.layers)
    found, exact = ran(target), ran(source)
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() <= {"fp16": 2e-3, "int8": 5e-2}[precision] * np.abs(exact).max()


def test_int8_weights_are_numpys_own_rounding_by_output_channel(tmp_path):
    converter("int8").convert(write(tmp_path / "s.onnx"), tmp_path / "q.onnx", data())
    conv, dense = sorted(weights_of(tmp_path / "q.onnx"), key=lambda array: -array.size)
    scale = np.abs(DENSE).max(axis=0) / 127
    np.testing.assert_array_equal(dense, np.round(DENSE / scale).astype(np.int8))
    scale = np.abs(CONV).max(axis=(1, 2, 3), keepdims=True) / 127
    np.testing.assert_array_equal(conv, np.round(CONV / scale).astype(np.int8))


def test_float16_weights_are_numpys_own(tmp_path):
    converter("fp16").convert(write(tmp_path / "s.onnx"), tmp_path / "h.onnx", None)
    conv, dense = sorted(weights_of(tmp_path / "h.onnx"), key=lambda array: -array.size)
    np.testing.assert_array_equal(dense, DENSE.astype(np.float16))
    np.testing.assert_array_equal(conv, CONV.astype(np.float16))


def test_weights_beyond_float16_are_refused(tmp_path):
    huge = DENSE.copy()
    huge[0, 0] = 7e4
    with pytest.raises(InvalidError, match=r"1 weights of 'm?scores?'|beyond float16"):
        converter("fp16").convert(write(tmp_path / "s.onnx", dense=huge), tmp_path / "h.onnx", None)


def test_what_float16_cannot_hold_is_told_and_makes_no_zeros(tmp_path):
    tiny = DENSE.copy()
    tiny[0, :3] = 1e-9
    source = write(tmp_path / "s.onnx", dense=tiny, more=[-3.4e38] * 16)
    notes = converter("fp16").convert(source, tmp_path / "h.onnx", None)
    assert any(note.startswith("3 values below") for note in notes)
    assert any(note.startswith("16 constants") for note in notes)
    assert audit(open_model(tmp_path / "h.onnx")).zeros == 0


def test_a_layer_that_int8_is_too_coarse_for_stays_in_floats(tmp_path):
    images = np.concatenate([IMAGES] * 4)
    images[3, 0, 0, 0] = 3000.0
    notes = converter("int8").convert(write(tmp_path / "s.onnx"), tmp_path / "q.onnx", data(images))
    assert any("1 of 2 layers stay in floats" in note for note in notes)
    assert {layer.op_type: layer.dtype for layer in audit(open_model(tmp_path / "q.onnx")).layers}[
        "Conv"
    ] == "float32"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "without calibration data"),
        (data(name="picture"), "hold no input 'image'"),
        (data(IMAGES.astype(np.float64)), "the model wants float32"),
        (data(np.full_like(IMAGES, np.inf)), "NaN or infinity"),
    ],
)
def test_int8_without_good_data_is_refused(tmp_path, given, told):
    with pytest.raises(InputError, match=told):
        converter("int8").convert(write(tmp_path / "s.onnx"), tmp_path / "q.onnx", given)


def test_a_file_that_is_converted_already_or_has_nothing_to_convert_is_refused(tmp_path):
    converter("fp16").convert(write(tmp_path / "s.onnx"), tmp_path / "h.onnx", None)
    with pytest.raises(InputError, match="only 32-bit floats"):
        converter("int8").convert(tmp_path / "h.onnx", tmp_path / "q.onnx", data())
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4, 6, 6]) for name in ("image", "y"))
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["y"])], "g", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "r.onnx"
    )
    with pytest.raises(InputError, match="nothing to quantise"):
        converter("int8").convert(tmp_path / "r.onnx", tmp_path / "q.onnx", data())
