"""Files that are not what they seem: swapped under way, of another precision, full of denormal weights."""

from __future__ import annotations

import numpy as np
import pytest
from planted_kit import command, dense_chain, scripted, travelled
from road.road_kit import write_model, write_suite

from xbench.measure.interleave import measure_set
from xbench.road.grouping import proven_group

LAST = 5


def before_the_proof(monkeypatch, swap):
    def proven(*arguments):
        swap()
        return proven_group(*arguments)

    monkeypatch.setattr("xbench.road.measuring.proven_group", proven)


def in_the_middle(monkeypatch, swap):
    def measured(entries, plan, number, on_round):
        if number == 3:
            swap()
        return measure_set(entries, plan, number, on_round)

    monkeypatch.setattr("xbench.road.measuring.measure_set", measured)


def after_the_last_call(monkeypatch, swap):
    def measured(entries, plan, number, on_round):
        one = measure_set(entries, plan, number, on_round)
        if number == LAST:
            swap()
        return one

    monkeypatch.setattr("xbench.road.measuring.measure_set", measured)


@pytest.mark.parametrize("when", [before_the_proof, in_the_middle, after_the_last_call])
def test_a_candidate_whose_file_is_swapped_under_way_is_invalid(planted, tmp_path, monkeypatch, when):
    when(monkeypatch, lambda: write_model(tmp_path / "pruned.onnx", scale=9.0))
    scripts = {"dense": {}, "pruned": {"latency_us": 500}, "half": {"latency_us": 500}}
    found = planted(scripts, gate={"min_speedup": 1.2})
    pruned = found.comparison("pruned")
    assert (pruned.verdict, pruned.speedup) == ("invalid", None)
    told = found.sentence("pruned")
    assert "INVALID: The file of pruned changed after it was described: then its sha256 was" in told
    assert found.comparison("half").verdict == "faster"
    assert {v.variant: v.outcome for v in found.record.verdicts} == {"pruned": "invalid", "half": "pass"}
    assert found.record.exit_code == 4


def test_a_baseline_whose_file_is_swapped_makes_all_invalid(planted, tmp_path, monkeypatch):
    in_the_middle(monkeypatch, lambda: write_model(tmp_path / "dense.onnx", scale=9.0))
    found = planted({"dense": {}, "half": {"latency_us": 500}}, gate={"min_speedup": 1.2})
    assert found.comparison("half").verdict == "invalid"
    assert "INVALID: dense: The file of dense changed" in found.sentence("half")
    assert (found.record.outcome, found.record.exit_code) == ("invalid", 4)


def test_a_file_that_is_swapped_before_it_is_scored_has_no_score(tmp_path, monkeypatch):
    """The scores would be those of another model than the one that was timed."""
    pytest.importorskip("sklearn")

    def answered(artifact, task, profile, time_limit, keep, on_batch):
        if artifact.variant == "pruned":
            write_model(tmp_path / "pruned.onnx", scale=9.0)
        labels = task.examples.labels
        keep({"probabilities": np.eye(10, dtype=np.float32)[labels], "answer": labels})

    monkeypatch.setattr("xbench.road.dense_answers.evaluate", answered)
    scripted(monkeypatch)
    suite = write_suite(tmp_path, {"dense": {}, "pruned": {}, "other": {}}, gate={"max_drop": {"accuracy": 0.05}})
    suite.write_text(suite.read_text() + "evaluate: {task: classification, dataset: digits}\n")
    found = travelled(suite)
    scores = found.record.quality_of("pruned", "sim")
    assert "The file of pruned changed after it was described" in scores.failure
    assert {v.variant: v.outcome for v in found.record.verdicts} == {"pruned": "invalid", "other": "pass"}
    assert found.record.exit_code == 4


def test_what_else_than_pruning_makes_a_difference_is_told(tmp_path):
    """A real comparison: a twentieth of the dense weights is denormal, and one candidate holds float16.

    Denormal weights are below 1.2e-38: pruned by magnitude, they are the first to go.
    """
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32) / 8
    tiny, cut = weight.copy(), weight.copy()
    tiny.flat[::20], cut.flat[::20] = 1e-40, 0
    count = len(tiny.flat[::20])
    dense = dense_chain(tmp_path / "dense.onnx", [tiny])
    pruned = dense_chain(tmp_path / "pruned.onnx", [cut])
    narrow = dense_chain(tmp_path / "narrow.onnx", [cut.astype(np.float16)])
    where = ("--hardware", "cpu", "--output", tmp_path / "results", "--quiet")
    code, out, _ = command("compare", dense, pruned, narrow, *where, "--precision", "50%", "--budget", "10s")
    assert code in (0, 3), out
    denormal = f"dense.onnx holds {count} denormal weights and pruned.onnx 0: a CPU takes many times longer for each"
    precision = (
        "weights are float16, those of dense.onnx float32: the speedup is that of the precision and of pruning"
    )
    for name, words in (("pruned.onnx", denormal), ("narrow.onnx", precision)):
        assert f"caution, {name}: {words}" in out, "below the table"
        sentence = next(line for line in out.splitlines() if line.startswith(name))
        assert f"caution: {words}" in sentence
