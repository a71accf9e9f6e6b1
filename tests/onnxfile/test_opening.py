import contextlib
import hashlib
import os

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto as T
from onnx import helper as h

from xbench.errors import InputError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.compute import graph_cost
from xbench.onnxfile.digests import digests
from xbench.onnxfile.inference import infer_shapes
from xbench.onnxfile.inputs import plan_inputs
from xbench.onnxfile.opening import open_model

from . import models


def refusal(path):
    with pytest.raises(InputError) as caught:
        open_model(path)
    text = str(caught.value)
    assert text.count("\n") <= 2
    return text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
        (b"PK\x03\x04" + bytes(60), "PyTorch checkpoint"),
        (b"\x80\x02}q\x00.", "pickle"),
        ((2).to_bytes(8, "little") + b"{}", "safetensors"),
        (b"hello, world, this is no model", "not an ONNX file"),
        (b"\x08\x09", "no graph"),
    ],
)
def test_what_is_not_onnx_is_named(tmp_path, content, says):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert says in refusal(path)


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "m.onnx"
    path.write_bytes(content)
    refusal(path)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_model_opens_or_ends_in_a_clear_error(tmp_path_factory, data):
    content = bytearray(models.bert().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "m.onnx"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(InputError):
        made = open_model(path)
        audit(made)
        plan = plan_inputs(made, {}, None, {})
        graph_cost(made, infer_shapes(made, plan.shapes))


def test_places_that_hold_no_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.onnx")
    assert "directory" in refusal(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    assert "pipe or a device" in refusal(tmp_path / "fifo")
    assert "pipe or a device" in refusal(type(tmp_path)("/dev/zero"))


def test_a_cut_file_is_called_cut(tmp_path):
    whole = models.saved(tmp_path, models.bert()).read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: len(whole) // 2])
    assert "ends too early" in refusal(path)


def test_graphs_that_compute_nothing(tmp_path):
    empty = models.linear()
    del empty.graph.node[:]
    assert "no nodes" in refusal(models.saved(tmp_path, empty))
    mute = models.linear()
    del mute.graph.output[:]
    assert "no outputs" in refusal(models.saved(tmp_path, mute))


def test_a_name_that_is_not_utf8(tmp_path):
    path = models.saved(tmp_path, models.linear())
    path.write_bytes(path.read_bytes().replace(b"fc", b"\xff\xfe"))
    assert "not valid UTF-8" in refusal(path)


def test_unknown_operators_are_named_with_node_and_opset(tmp_path):
    strange = models.linear()
    strange.graph.node[0].op_type = "MatMulX"
    text = refusal(models.saved(tmp_path, strange))
    assert "'MatMulX' at node 'fc' (opset 17)" in text
    early = models.linear()
    early.graph.node[0].op_type = "Gelu"
    assert "exists from opset 20" in refusal(models.saved(tmp_path, early))


@pytest.mark.parametrize(("op_type", "domain"), [("Mine", "my.domain"), ("LayerNormalization", "")])
def test_custom_domains_and_the_runtimes_own_operators_pass(tmp_path, op_type, domain):
    made = models.linear()
    made.opset_import[0].version = 11
    made.graph.node[0].op_type, made.graph.node[0].domain = op_type, domain
    open_model(models.saved(tmp_path, made))


def test_local_functions_pass(tmp_path):
    body = h.make_function(
        "", "Twice", ["a"], ["b"], [h.make_node("Add", ["a", "a"], ["b"])], [h.make_opsetid("", 17)]
    )
    call = [h.make_node("Twice", ["x"], ["y"])]
    io = [models.value("x", T.FLOAT, [2])], [models.value("y", T.FLOAT, [2])]
    open_model(models.saved(tmp_path, models.model(call, *io, functions=[body])))


class TestExternalData:
    def test_is_loaded_or_left(self, tmp_path):
        path = models.saved_outside(tmp_path, models.linear())
        assert open_model(path).graph.initializer[0].raw_data == models.weights(4, 3).tobytes()
        assert not open_model(path, load_external=False).graph.initializer[0].raw_data

    def test_missing_or_cut(self, tmp_path):
        path = models.saved_outside(tmp_path, models.linear())
        data = tmp_path / "weights.bin"
        data.write_bytes(data.read_bytes()[:10])
        assert "which has 10" in refusal(path)
        data.unlink()
        assert "is not there" in refusal(path)

    @pytest.mark.parametrize("location", ["/etc/passwd", "../weights.bin", "a/../../weights.bin", ""])
    def test_outside_the_folder(self, tmp_path, location):
        assert refusal(self._pointing_to(tmp_path, location))

    def test_a_link_out_of_the_folder(self, tmp_path):
        (tmp_path / "outside.bin").write_bytes(bytes(100))
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "link.bin").symlink_to("../outside.bin")
        assert "cp -L" in refusal(self._pointing_to(folder, "link.bin"))

    @pytest.mark.parametrize(
        ("key", "text"), [("offset", "-4"), ("offset", "99999999999"), ("length", "7"), ("length", "x")]
    )
    def test_wrong_places(self, tmp_path, key, text):
        (tmp_path / "w.bin").write_bytes(bytes(100))
        assert refusal(self._pointing_to(tmp_path, "w.bin", **{key: text}))

    def test_a_fifo_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "w.bin")
        assert "not a regular file" in refusal(self._pointing_to(tmp_path, "w.bin"))

    @staticmethod
    def _pointing_to(folder, location, **more):
        made = models.linear()
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = T.EXTERNAL
        for key, text in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=text)
        return models.saved(folder, made)


def test_digests(tmp_path):
    path = models.saved(tmp_path, models.linear())
    whole, graph = digests(path)
    assert whole == hashlib.sha256(path.read_bytes()).hexdigest()
    noted = onnx.load(path)
    noted.metadata_props.add(key="exported", value="today")
    noted.graph.node[0].metadata_props.add(key="stack", value="trace")
    assert digests(models.saved(tmp_path, noted, "noted.onnx"))[1] == graph
    outside = models.saved_outside(tmp_path, models.linear())
    before = digests(outside)
    assert before[1] == graph
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "weights.bin").write_bytes(data)
    after = digests(outside)
    assert before[0] != after[0]
    assert before[1] != after[1]
