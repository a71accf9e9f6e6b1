"""Every file is written in one form: no noise, and large weights in one file beside."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
from artifact_kit import WEIGHTS, exported, model
from onnx import numpy_helper

from xbench.artifacts.describing import describe
from xbench.artifacts.keeping import keep
from xbench.errors import InputError
from xbench.onnxfile.writing import settle


def values(path) -> dict[str, bytes]:
    return {one.name: numpy_helper.to_array(one).tobytes() for one in onnx.load(path).graph.initializer}


def test_no_tools_noise_is_left(tmp_path) -> None:
    content = exported(tmp_path / "a").read_bytes()
    for noise in (b"pytorch", b"stack_trace", b"/home/me", b"2.13.0"):
        assert noise not in content


def test_many_files_become_one_and_the_others_go(tmp_path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model(), path, save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)
    assert {one.name for one in tmp_path.iterdir()} == {"model.onnx", *WEIGHTS}
    settle(path, inline_bytes=1000)
    assert {one.name for one in tmp_path.iterdir()} == {"model.onnx", "model.onnx.data"}
    written = onnx.load(path, load_external_data=False).graph.initializer
    places = [{entry.key: entry.value for entry in one.external_data} for one in written]
    assert [(place["location"], int(place["offset"]) % 4096) for place in places] == [("model.onnx.data", 0)] * 2
    expected = {one.name: numpy_helper.to_array(one).tobytes() for one in model().graph.initializer}
    assert values(path) == expected
    onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    settle(path, inline_bytes=1 << 30)
    assert [one.name for one in tmp_path.iterdir()] == ["model.onnx"]
    assert values(path) == expected


def test_settling_again_changes_no_byte(tmp_path) -> None:
    for limit in (1000, 1 << 30):
        path = exported(tmp_path / str(limit), limit)
        before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
        settle(path, limit)
        assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


def test_inside_or_beside_the_graph_is_the_same(tmp_path) -> None:
    inside, beside = (describe(exported(tmp_path / str(limit), limit), "v") for limit in (1 << 30, 1000))
    assert inside.graph_sha256 == beside.graph_sha256
    assert inside.sha256 != beside.sha256
    kept = keep(tmp_path / "1000" / "model.onnx", "v", tmp_path)
    assert {one.name for one in (tmp_path / kept.sha256).iterdir()} == {"model.onnx", "model.onnx.data"}
    assert describe(tmp_path / kept.sha256 / "model.onnx", "v").sha256 == kept.sha256 == beside.sha256


def test_a_path_out_of_the_folder_is_refused_and_what_it_names_stays(tmp_path) -> None:
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"\0" * 64 * 48 * 4)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "model.onnx"
    made = model()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../outside.bin")
    path.write_bytes(made.SerializeToString())
    with pytest.raises(InputError, match="points outside the model's folder"):
        settle(path, inline_bytes=1000)
    assert outside.exists()
