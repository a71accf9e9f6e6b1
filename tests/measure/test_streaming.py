"""Many inferences one after the other: the same outputs in the same order, few requests, and no worker left behind."""

from __future__ import annotations

import numpy as np
import pytest
from measure_models import CPU, LIMIT, matmul, scripted

from xbench.errors import InvalidError, WorkerError
from xbench.measure import streaming
from xbench.measure.inspection import loaded


def feeds(number, rows=2):
    return {"x": np.full((rows, 8), number, np.float32)}


def batches(count, rows=2):
    return ((feeds(i, rows), i) for i in range(count))


@pytest.fixture
def asked(monkeypatch):
    """The commands that a worker is sent."""
    from xbench.measure.process import WorkerProcess

    sent = []
    ask = WorkerProcess.ask

    def spy(self, command, **arguments):
        sent.append(command)
        ask(self, command, **arguments)

    monkeypatch.setattr(WorkerProcess, "ask", spy)
    return sent


def test_outputs_are_those_of_single_inferences_in_order_with_few_requests(tmp_path, asked, monkeypatch):
    monkeypatch.setattr(streaming, "_GROUP_SECONDS", 1e9)
    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        given = [*batches(130), (feeds(7, rows=1), "last")]
        found = list(model.stream(given))
        assert asked.count("infer") == 2 + 3, "one, one, and then as many as go together: 64, 64, 1"
        assert [context for context, _ in found] == [*range(130), "last"]
        for (fed, _), (_, outputs) in list(zip(given, found, strict=True))[::26]:
            (alone,) = model.infer([fed])
            np.testing.assert_array_equal(outputs["y"], alone["y"])
        assert list(model.stream([])) == []


def test_large_batches_go_one_by_one(tmp_path, asked, monkeypatch):
    monkeypatch.setattr(streaming, "_GROUP_SECONDS", 1e9)
    monkeypatch.setattr(streaming, "_MOST_BYTES", 3 * 2 * 8 * 4)  # one and a half batches with their outputs
    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        assert len(list(model.stream(batches(9)))) == 9
    assert asked.count("infer") == 9


def test_a_slow_model_has_one_batch_in_a_request(tmp_path, asked, monkeypatch):
    monkeypatch.setattr(streaming, "_GROUP_SECONDS", 1e-9)
    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        assert len(list(model.stream(batches(9)))) == 9
    assert asked.count("infer") == 9


def test_the_next_batch_is_prepared_while_one_is_computed_and_no_more_than_that(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "_GROUP_SECONDS", 1e-9)
    seen = []

    def prepared():
        for fed, i in batches(4):
            seen.append(f"take {i}")
            yield fed, i

    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        seen.extend(f"use {i}" for i, _ in model.stream(prepared()))
    assert seen == ["take 0", "take 1", "use 0", "take 2", "use 1", "take 3", "use 2", "use 3"]


@pytest.mark.parametrize(
    ("kind", "limit", "told"),
    [("die", LIMIT, "died during `infer`"), ("hang", 2.0, "did not finish `infer` within 2 s")],
)
def test_a_worker_that_dies_or_hangs_is_told(tmp_path, kind, limit, told):
    profile = scripted({"*": {"fault": {"kind": kind, "at_call": 40}}})
    with loaded(tmp_path / "any.onnx", "m", profile, limit) as model, pytest.raises(WorkerError, match=told):
        list(model.stream(batches(200)))


def test_what_does_not_run_is_told(tmp_path):
    wrong = [*batches(3), ({"x": np.ones((2, 3), np.float32)}, 3)]
    with (
        loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model,
        pytest.raises(InvalidError, match="does not run on these inputs"),
    ):
        list(model.stream(wrong))


def test_a_caller_that_stops_early_leaves_no_worker_that_computes_on(tmp_path):
    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        found = model.stream(batches(50))
        next(found)
        found.close()
        with pytest.raises(WorkerError, match="ended already"):
            model.infer([feeds(0)])
