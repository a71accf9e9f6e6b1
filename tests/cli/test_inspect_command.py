"""`xbench inspect`, as a user would start it: what it shows, what it refuses, and with which code it ends."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from xbench.cli.inspecting import Asked, inspect_and_show
from xbench.errors import InputError, InvalidError, StoreError
from xbench.inspecting.record import Inspections
from xbench.measure.inspection import LoadedModel
from xbench.onnxfile.wishes import Wanted

from . import models as m
from .conftest import assert_clear_error


def two_four(*shape, seed=0):
    drawn = m.weights(*shape, seed=seed)
    keep = np.random.default_rng(seed).random((shape[0] // 4, 4, shape[1])).argsort(axis=1) < 2
    return np.where(drawn == 0, np.float32(1), drawn) * keep.reshape(shape)


def pruned(path, change=None, name="x"):
    made = m.mlp(hidden=64, inputs=64, name=name)
    for tensor in made.graph.initializer:
        old = onnx.numpy_helper.to_array(tensor)
        new = two_four(*old.shape) if change is None else change(old.copy())
        tensor.CopyFrom(m.constant(tensor.name, new))
    onnx.save(made, path)
    return path


def asked(hardware=("cpu",), **more):
    values = {
        "hardware": hardware,
        "folders": (),
        "wanted": Wanted(),
        "time_limit": None,
        "every_layer": False,
        "json_file": None,
        "quiet": True,
    }
    return Asked(**values | more)


def test_a_two_four_file_beside_a_dense_one(xbench):
    pruned(xbench.folder / "pruned.onnx")
    onnx.save(m.mlp(inputs=64), xbench.folder / "dense.onnx")
    ended = xbench("inspect", "pruned.onnx", "dense.onnx", "--json", "both.json", "--quiet", "--shape", "x=1x64")
    assert (ended.code, ended.err) == (0, "")
    found = Inspections.model_validate_json((xbench.folder / "both.json").read_bytes())
    assert [one.file for one in found.files] == ["pruned.onnx", "dense.onnx"]
    first, second = ({one.hardware: one for one in file.targets} for file in found.files)
    assert first["h100-tensorrt-fp16-sparse"].as_is.speedup == pytest.approx(2, rel=1e-3)
    assert first["h100-tensorrt-fp16-sparse"].ceiling.source
    assert first["h100-cuda-fp32"].as_is.speedup == 1.0
    assert first["tensorrt-fp16-sparse"].as_is.speedup is None
    assert {one.as_is.speedup for one in second.values()} == {1.0, None}
    assert all(one.as_is.missing for one in second.values() if one.as_is.speedup is None)
    assert found.files[0].optimised.zeros == found.files[0].audit.zeros > 0
    for words in ("2:4 in 2", "AT BEST", "   2.00x  2:4 on sparse tensor cores: 2 of 2 layers", "50.0%"):
        assert words in ended.out
    assert "there is nothing to skip" in ended.out


def test_json_alone_on_standard_output(tmp_path, capsys):
    path = pruned(tmp_path / "a.onnx")
    inspect_and_show([path], asked(json_file="-", wanted=Wanted({"x": (5, 64)})))
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "xbench.inspect/1"
    assert data["files"][0]["work"]["macs"] == 5 * (64 * 64 + 64 * 8)


def test_zeroed_channels_are_told_as_such(tmp_path, capsys):
    def without_half(weight):
        weight[:, : weight.shape[1] // 2] = 0
        return weight

    path = pruned(tmp_path / "a.onnx", without_half)
    assert inspect_and_show([path], asked()) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "nobody gains before they are removed; `xbench compact` does it" in out
    assert "1.00x cpu ONNX" in out
    assert "if what is only zeroed were removed" in out
    assert "no time: the profile has no peak rate in fp32" in out


def test_a_file_that_is_not_what_it_says(tmp_path, capsys):
    made = m.mlp()
    claimed = {"xbench.graph_sha256": "0" * 64, "xbench.audit": '{"elements": 2560, "zeros": 1280}'}
    onnx.helper.set_model_props(made, claimed)
    onnx.save(made, tmp_path / "a.onnx")
    assert inspect_and_show([tmp_path / "a.onnx"], asked(json_file=str(tmp_path / "a.json"))) == 4
    ended = capsys.readouterr()
    assert "INVALID" in ended.out
    assert "1280 zeros among 2560 weights" in ended.err
    assert json.loads((tmp_path / "a.json").read_text())["exit_code"] == 4


def test_zeros_that_the_runtime_loses(tmp_path, capsys, monkeypatch):
    def lossy(_):
        raise InvalidError("Zeros of a were lost in the graph that the runtime optimised", "fc1 holds 1 zero of 2")

    monkeypatch.setattr(LoadedModel, "optimised", lossy)
    assert inspect_and_show([pruned(tmp_path / "a.onnx")], asked()) == 4
    ended = capsys.readouterr()
    assert "LOST" in ended.out
    assert "fc1 holds 1 zero of 2" in ended.err


def test_what_comes_from_the_file_is_escaped(tmp_path, capsys):
    made = m.mlp(name="evil\x1b[31m")
    made.graph.node[0].name = "fc\x1b]0;title\x07\n1"
    onnx.helper.set_model_props(made, {"note\x1b": "a\nb\x1b[2J"})
    onnx.save(made, tmp_path / "a.onnx")
    assert inspect_and_show([tmp_path / "a.onnx"], asked()) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\\x1b[31m" in out


def test_all_layers_only_when_asked_for(tmp_path, capsys):
    nodes, constants, last = [], [], "x"
    for number in range(12):
        nodes.append(m.h.make_node("MatMul", [last, f"w{number}"], [f"v{number}"], name=f"fc{number}"))
        constants.append(m.constant(f"w{number}", m.weights(8, 8, seed=number)))
        last = f"v{number}"
    made = m.model(nodes, [m.value("x", m.T.FLOAT, [2, 8])], [m.value(last, m.T.FLOAT, None)], constants)
    onnx.save(made, tmp_path / "a.onnx")
    inspect_and_show([tmp_path / "a.onnx"], asked())
    assert "The 10 heaviest of 12 layers" in capsys.readouterr().out
    inspect_and_show([tmp_path / "a.onnx"], asked(every_layer=True))
    assert "fc11" in capsys.readouterr().out


def test_bad_usage_ends_with_two(xbench):
    pruned(xbench.folder / "a.onnx")
    ended = xbench("inspect", "a.onnx", "--hardware", "h1000", "--quiet")
    assert_clear_error(ended, 2, "no hardware profile 'h1000'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"\x80\x02payload", "pickle"),
        (b"\x08\x08\x12", "ends too early"),
    ],
)
def test_files_that_are_no_models(tmp_path, content, words):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(InputError, match=words):
        inspect_and_show([tmp_path / "a.onnx"], asked())


def test_other_bad_input(tmp_path):
    path = pruned(tmp_path / "a.onnx")
    with pytest.raises(InputError, match="no such file"):
        inspect_and_show([tmp_path / "missing.onnx"], asked())
    with pytest.raises(InputError, match="image: no such input"):
        inspect_and_show([path], asked(wanted=Wanted({"image": (1, 64)})))
    with pytest.raises(InputError, match="directory"):
        inspect_and_show([tmp_path], asked())
    with pytest.raises(StoreError, match="folder does not exist"):
        inspect_and_show([path], asked(json_file=str(tmp_path / "no" / "a.json")))
    with pytest.raises(InputError, match="does not exist"):
        inspect_and_show([path], asked(folders=[tmp_path / "none"]))
    with pytest.raises(InputError, match="npz"):
        inspect_and_show([path], asked(wanted=Wanted({}, (path,))))
