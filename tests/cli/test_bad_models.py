"""Files that cannot be compared: a clear error, exit code 2, and no run folder left behind."""

from __future__ import annotations

import os

import numpy as np
import pytest
from onnx import TensorProto as T

from .conftest import assert_clear_error
from .models import mlp, no_inputs, reshape_input, save, save_outside, unary


def missing(path):
    pass


def empty(path):
    path.write_bytes(b"")


def truncated(path):
    path.write_bytes(mlp().SerializeToString()[:5000])


def text(path):
    path.write_text("a story, not a model\n" * 50)


def directory(path):
    path.mkdir()
    save(mlp(), path / "inner.onnx")


def fifo(path):
    os.mkfifo(path)


def lfs_pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 9\n")


def unknown_operator(path):
    save(unary("Frobnicate"), path)


def data_missing(path):
    save_outside(mlp(), path)
    (path.parent / "weights.bin").unlink()


def data_outside(path):
    save_outside(mlp(), path)
    path.write_bytes(path.read_bytes().replace(b"weights.bin", b"../sec.data"))


def other_inputs(path):
    save(mlp(name="other"), path)


BAD = {
    missing: "there is no such file",
    empty: "empty (0 bytes)",
    truncated: "ends too early",
    text: "not an ONNX file",
    directory: "'inner.onnx'",
    fifo: "pipe",
    lfs_pointer: "git lfs pull",
    unknown_operator: "'Frobnicate' at node 'only'",
    data_missing: "weights.bin",
    data_outside: "outside the model's folder",
    other_inputs: "only the first model has the input 'x'",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_candidate_that_cannot_be_used(xbench, make):
    base, candidate = save(mlp(), xbench.folder / "base.onnx"), xbench.folder / "cand" / "m.onnx"
    candidate.parent.mkdir()
    make(candidate)
    assert_clear_error(xbench("compare", base, candidate), 2, "m.onnx", BAD[make])
    assert not xbench.runs


UNFED = {
    "no inputs": (no_inputs, "no inputs"),
    "text": (lambda: unary("Identity", T.STRING), "--inputs"),
    "a Reshape's shape": (reshape_input, "--inputs"),
}


@pytest.mark.parametrize("what", UNFED)
def test_a_model_whose_inputs_cannot_be_made_up(xbench, what):
    make, words = UNFED[what]
    model = save(make(), xbench.folder / "m.onnx")
    assert_clear_error(xbench("compare", model, model), 2, words)
    assert not xbench.runs


def test_inputs_of_the_users_take_the_place_of_those_that_cannot_be_made_up(xbench):
    model = save(reshape_input(), xbench.folder / "m.onnx")
    np.savez(xbench.folder / "in.npz", x=np.ones((2, 4), np.float32), target=np.array([4, 2]))
    ended = xbench("compare", model, model, "--inputs", "in.npz", "--budget", "1s", "--hardware", "cpu")
    assert ended.code in (0, 3), ended
    assert "target: 2 from in.npz" in ended.out
