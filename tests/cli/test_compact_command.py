"""`xbench compact`, as a user would start it: what it writes and says, what it refuses, and with which code it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import numpy as np
import onnx
import pytest

from xbench.cli.compacted import as_text, nothing
from xbench.records.compaction import Compaction, Difference, FileState, Kept, Removal

from . import models as m
from .conftest import COMMAND, assert_clear_error

pytest.importorskip("onnxruntime", reason="what is compacted is verified by onnxruntime")


def masked(path, dead=32):
    """An MLP of 64 hidden neurons, the first of them zeroed, and a name that would colour a terminal."""
    made = m.mlp()
    made.graph.node[0].name = "fc1\x1b[31m"
    weight = onnx.numpy_helper.to_array(made.graph.initializer[0]).copy()
    weight[:, :dead] = 0
    made.graph.initializer[0].CopyFrom(m.constant("w1", weight))
    return m.save(made, path)


def test_a_file_is_written_and_told(xbench):
    masked(xbench.folder / "in.onnx")
    np.savez(xbench.folder / "real.npz", x=m.weights(3, 32))
    ended = xbench("compact", "in.onnx", "out.onnx", "--inputs", "real.npz", "--json", "c.json")
    assert ended.code == 0, ended
    told = " ".join(ended.out.split())
    for words in (
        "parameters 2,560 1,280 2.00x less",
        "zeros in weights 40.0% 0.0%",
        "Gone: 32 of 64 neurons",
        "64 -> 32 neurons (always zero): fc1\\x1b[31m, fc2",
        "Outputs: equal within rounding",
        "Written: out.onnx",
        "Next: xbench compare in.onnx out.onnx",
    ):
        assert words in told
    assert "\x1b" not in ended.out + ended.err
    found = Compaction.model_validate_json((xbench.folder / "c.json").read_bytes())
    assert found.target.file == "out.onnx"
    assert "the inputs in real.npz" in found.inputs
    assert set(found.seconds) == {"open", "size", "take out", "write", "verify"}
    again = xbench("compact", "in.onnx", "again.onnx", "--json", "-", "--quiet", "--shape", "x=7x32")
    assert json.loads(again.out)["schema"] == "xbench.compact/1"
    assert again.err == ""
    assert (xbench.folder / "out.onnx").read_bytes() == (xbench.folder / "again.onnx").read_bytes()
    assert onnx.load(xbench.folder / "out.onnx").graph.initializer[0].dims == [32, 32]


def test_a_dense_file(xbench):
    m.save(m.mlp(), xbench.folder / "in.onnx")
    ended = xbench("compact", "in.onnx", "out.onnx", "--quiet", "--json", "c.json")
    assert ended.code == 2
    assert ended.err == "xbench: nothing in in.onnx is zeroed, and nothing was written\n"
    assert json.loads((xbench.folder / "c.json").read_text())["target"] is None
    assert sorted(path.name for path in xbench.folder.iterdir()) == ["c.json", "in.onnx"]


def test_bad_input(xbench):
    whole = masked(xbench.folder / "in.onnx")
    (xbench.folder / "cut.onnx").write_bytes(whole.read_bytes()[:-100])
    assert_clear_error(xbench("compact", "cut.onnx", "out.onnx", "--quiet"), 2, "cut.onnx", "ends too early")
    assert_clear_error(xbench("compact", "in.onnx", "./in.onnx", "--quiet", "--force"), 2, "it is the input")
    assert sorted(path.name for path in xbench.folder.iterdir()) == ["cut.onnx", "in.onnx"]


def test_killed_in_the_middle_it_leaves_no_half_file(xbench):
    masked(xbench.folder / "in.onnx")
    child = subprocess.Popen([*COMMAND, "compact", "in.onnx", "out.onnx"], cwd=xbench.folder, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not list(xbench.folder.glob(".xbench-*/out.onnx")):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=15)
    finally:
        child.kill()
    assert not (xbench.folder / "out.onnx").exists()


def state(name, parameters, zeros=10, macs=None, note="'if' hides a layer"):
    return FileState(
        file=name,
        sha256="0" * 64,
        size_bytes=parameters * 4,
        parameters=parameters,
        weights=100,
        zeros=zeros,
        macs=macs,
        macs_note="" if macs else note,
    )


def record(groups=3, outputs=1, **more):
    return Compaction(
        xbench_version="0",
        source=state("a b.onnx", 1000),
        target=state("c.onnx", 1200, zeros=0),
        gone=[
            Removal(nodes=(f"n{i}", f"m{i}"), unit="channels", before=10 + i // 2, after=8, why=("zero", "constant"))
            for i in range(groups)
        ],
        stays=[Kept(node="last", units=1, reason="an output has them")],
        carriers=2,
        differences=[
            Difference(output=f"y{i}", max_abs=i * 1e-6, max_rel=i * 1e-7, noise_rel=0, allowed_rel=1e-5)
            for i in range(outputs)
        ],
        inputs=("random", "real"),
        **more,
    )


def test_alike_groups_are_one_line_and_long_lists_are_cut():
    short, long = as_text(record(40, 9), every=False), as_text(record(40, 9), every=True)
    assert "Gone: 460 of 780 channels" in short
    assert "  10 -> 8 channels (always zero or always the same): 2 groups, at n0, m0, n1 and 1 more" in short
    assert "and 8 more lines: --details shows all" in short
    assert "n39" in long
    assert "n39" not in short
    assert short.index("y8: at most 8e-06") < short.index("y7") < short.index("and 5 more outputs")
    assert "  fed real" in long
    for words in (
        "1.20x more",
        "Stays: 1 zeroed unit\n",
        "2 constant units stay",
        "MACs are not known: 'if'",
        "Next: xbench compare 'a b.onnx' c.onnx",
    ):
        assert words in short


def test_why_nothing_was_written():
    def told(stays, zeros):
        return nothing(record().model_copy(update={"stays": stays, "source": state("a.onnx", 10, zeros)}))

    assert told((), 0) == "nothing in a.onnx is zeroed, and nothing was written"
    assert told((), 25).startswith("25.0% of the weights of a.onnx are zero, but no channel, neuron or head")
    assert told((Kept(node="n", units=3, reason="r"),), 25).startswith("none of the 3 zeroed units of a.onnx can go")
