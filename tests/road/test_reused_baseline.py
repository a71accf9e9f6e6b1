"""When a recorded baseline is taken in place of running the dense model, and when it is not. Nothing is timed here."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from pydantic import ValidationError
from road_kit import Silence
from small_classifier import EXAMPLES, LABELS, PRUNED, WEIGHT, right, save_all, save_data, save_model, save_suite

from xbench.cli.baseline import as_text
from xbench.errors import InputError, InvalidError
from xbench.progress import Journey
from xbench.road import scoring
from xbench.road.concluding import conclude
from xbench.road.context import RunOptions
from xbench.road.recomputing import recompute
from xbench.road.recording import record_baseline
from xbench.road.story import travel
from xbench.store.baselines import BaselineFolder
from xbench.store.folder import ResultsFolder
from xbench.store.spool import Spool, spooling
from xbench.suite.loading import load_suite
from xbench.suite.model import Suite, VariantSpec


class Notes(Silence):
    def __init__(self):
        self.told = []

    def note(self, text):
        self.told.append(text)


@pytest.fixture(autouse=True)
def untimed(monkeypatch):
    monkeypatch.setattr("xbench.road.story.measure", lambda context, record: record)


@pytest.fixture
def suite(tmp_path):
    return save_all(tmp_path)


def options(suite, **more):
    return RunOptions(output=suite.parent / "results", hardware=("cpu",), **more)


def recorded(suite):
    (row,) = record_baseline(load_suite(suite), options(suite), Journey(Silence())).rows
    assert not row.failure
    return row.baseline


def folder_of(suite):
    return BaselineFolder(suite.parent / "results", "small", "cpu")


def run(suite, **more):
    """Quality by variant, what was told, the record and its folder."""
    notes = Notes()
    record, context = travel(load_suite(suite), options(suite, **more), Journey(notes))
    return {one.variant: one for one in record.quality}, " | ".join(notes.told), record, context.folder


def plant_reversed(suite):
    """Put other answers in the place of the recorded ones: a model that reads its outputs from the last to the first."""
    folder = folder_of(suite)
    record = folder.load()
    with spooling(suite.parent / "planted") as writer:
        for batch in Spool(folder.path / record.files.kept):
            writer.add({"probabilities": batch["probabilities"][:, ::-1], "answer": 2 - batch["answer"]})
    return folder.put(record, suite.parent / "planted", folder.scores(record), folder.examples(record))


def test_the_recorded_answers_are_what_is_scored(suite):
    recorded(suite)
    plant_reversed(suite)
    quality, told, _, _ = run(suite)
    assert quality["dense"].metric("accuracy").value == pytest.approx(right(WEIGHT[:, ::-1]))
    assert quality["pruned"].metric("accuracy").value == pytest.approx(right(PRUNED))
    assert "not used" not in told


def test_reused_or_not_the_figures_are_the_same(suite):
    alone = run(suite)[0]
    baseline = recorded(suite)
    quality = run(suite)[0]
    assert alone["dense"].reused == ""
    assert quality["dense"] == alone["dense"].model_copy(update={"reused": baseline.name})
    assert quality["pruned"] == alone["pruned"]
    assert quality["pruned"].flips is not None


def test_other_metrics_and_slices_change_no_answer(suite):
    baseline = recorded(suite)
    save_suite(suite.parent, metrics=["f1_macro"], slices=[{"name": "odd", "where": "half == 1"}])
    quality, told, _, _ = run(suite)
    assert quality["dense"].reused == baseline.name, told
    assert [one.metric for one in quality["dense"].metrics] == ["f1_macro"]
    assert "odd" in {one.slice for one in quality["pruned"].slices}


def test_what_is_another_is_told_and_dense_is_scored_anew(suite):
    recorded(suite)
    plant_reversed(suite)
    save_suite(suite.parent, batch=16)
    save_model(suite.parent / "dense.onnx", WEIGHT * 2)
    quality, told, _, _ = run(suite)
    assert quality["dense"].reused == ""
    assert "The recorded baseline on cpu is not used: the model is another: " in told
    assert "evaluate.batch was 64" in told
    assert quality["dense"].metric("accuracy").value == pytest.approx(right(WEIGHT))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"xbench_version": "0.0.0"}, "xbench was 0.0.0"),
        ({"tokenizer_sha256": "0"}, "the tokenizer is another"),
        ({"variant": "before"}, "the baseline was 'before'"),
        ({"profile": {"title": "of old"}}, "the hardware profile is another"),
        ({"fingerprint": {"cpu_model": "of old"}}, "the machine or its software is another: cpu_model: 'of old' and"),
    ],
)
def test_each_circumstance_counts(suite, changes, why):
    recorded(suite)
    file = folder_of(suite).path / "baseline.json"
    data = json.loads(file.read_text())
    new = {key: data[key] | value if isinstance(value, dict) else value for key, value in changes.items()}
    file.write_text(json.dumps(data | new))
    quality, told, _, _ = run(suite)
    assert quality["dense"].reused == ""
    assert f"is not used: {why}" in told


def test_a_damaged_baseline_is_told_and_not_used(suite):
    recorded(suite)
    (kept,) = folder_of(suite).path.glob("kept-*")
    kept.write_bytes(kept.read_bytes()[:-100])
    quality, told, _, _ = run(suite)
    assert quality["dense"].reused == ""
    assert "is not used: The kept answers kept-" in told


def test_another_column_is_another_question_and_no_changed_data(suite):
    recorded(suite)
    save_suite(suite.parent, target="half")
    quality, told, _, _ = run(suite)
    assert quality["dense"].reused == ""
    assert "other columns, slices or files of data are read" in told


def test_data_may_be_named_anew_and_recording_again_mends_a_refusal(suite):
    recorded(suite)
    save_data(suite.parent, EXAMPLES, (LABELS + 1) % 3)
    save_suite(suite.parent, dataset={"file": "data.npz", "version": "2"})
    with pytest.raises(InvalidError, match=r"(?s)then their sha256 was .*\(200 examples\), now it is .*delete .*cpu"):
        run(suite)
    baseline = recorded(suite)
    assert run(suite)[0]["dense"].reused == baseline.name


def interrupted_at(suite, monkeypatch, variant):
    """A run that ends, as if by Ctrl-C, before this variant is scored. Its folder."""
    real = scoring.example_scores

    def stopping(task, kept, reference, name, hardware):
        if name == variant:
            raise KeyboardInterrupt
        return real(task, kept, reference, name, hardware)

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "example_scores", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(suite)
    (folder,) = ResultsFolder(suite.parent / "results").runs()
    return folder


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_goes_on_with_the_scores_that_are_there(suite, monkeypatch, kept):
    baseline = recorded(suite)
    folder = interrupted_at(suite, monkeypatch, "pruned")
    plant_reversed(suite)  # what is there is not computed again, of this or of anything
    (left,) = (folder.path / "quality").glob(".kept-*")
    if not kept:
        left.unlink()
    quality, _, record, again = run(suite, resume=True)
    assert again.id == folder.id
    assert quality["dense"].metric("accuracy").value == pytest.approx(right(WEIGHT))
    assert quality["dense"].reused == baseline.name
    assert (quality["pruned"].divergence.mean > 1) != kept  # the planted answers are far away
    assert not list((folder.path / "quality").glob("*kept*"))
    recomputed = conclude(recompute(record, Suite.model_validate(record.suite), folder), load_suite(suite).suite)
    assert recomputed.quality == folder.load().quality


def test_a_run_is_resumed_with_the_data_that_it_was_begun_with(suite, monkeypatch):
    interrupted_at(suite, monkeypatch, "pruned")
    save_data(suite.parent, EXAMPLES, (LABELS + 1) % 3)
    with pytest.raises(InvalidError, match=r"(?s)not those that the run .* was begun with.*leave out --resume"):
        run(suite, resume=True)


def test_a_model_that_fails_costs_itself_alone_and_the_baseline_all(suite):
    bad = WEIGHT.copy()
    bad[0, 0] = np.nan
    save_model(suite.parent / "pruned.onnx", bad)
    quality, _, _, folder = run(suite)
    assert "NaN or infinity on real data" in quality["pruned"].failure
    assert quality["dense"].failure == ""
    assert not list((folder.path / "quality").glob("*kept*"))

    save_model(suite.parent / "dense.onnx", bad)
    save_model(suite.parent / "pruned.onnx", PRUNED)
    quality, _, _, _ = run(suite)
    assert "NaN or infinity on real data" in quality["dense"].failure
    assert quality["pruned"].failure == "the baseline was not scored"


def test_plans_that_cannot_be_decided_are_told_and_kept(suite):
    save_suite(suite.parent, gate={"accuracy": 0.001})
    _, told, record, _ = run(suite)
    (plan,) = record.quality_plan
    assert not plan.decidable
    assert told.count(plan.text) == 1
    assert record.data.examples == 200


def test_metrics_of_a_plug_in_that_is_gone_are_named(suite, monkeypatch):
    _, _, record, folder = run(suite)
    monkeypatch.setattr("xbench.metrics.choosing.SHIPPED", {})
    again = recompute(record, Suite.model_validate(record.suite), folder)
    assert all("cannot be computed again" in one.failure and "'accuracy'" in one.failure for one in again.quality)


def test_code_of_the_suite_is_not_run_without_trust(suite):
    save_suite(suite.parent, dataset={"iterator": "absent:examples"})
    with pytest.raises(InputError, match="--trust"):
        record_baseline(load_suite(suite), options(suite), Journey(Silence()))
    with pytest.raises(InputError, match="--trust"):
        run(suite)


def test_a_device_that_is_not_here_costs_itself_alone(suite):
    asked = replace(options(suite), hardware=("cpu", "coreml"))
    found = record_baseline(load_suite(suite), asked, Journey(Silence()))
    assert [(row.hardware, row.baseline is not None) for row in found.rows] == [
        ("cpu", True),
        ("coreml", False),
    ]
    assert found.exit_code == 4
    assert "coreml: not recorded: " in as_text(found)


def test_examples_that_another_dense_model_loses_too_are_no_exemplars(suite):
    """arXiv 1911.05248: what dense models agree on, and the pruned one loses."""
    second = WEIGHT + np.random.default_rng(1).normal(scale=0.7, size=WEIGHT.shape).astype(np.float32)
    save_model(suite.parent / "second.onnx", second)
    data = yaml.safe_load(suite.read_text())
    data["variants"].append({"name": "second", "onnx": "second.onnx", "dense": True})
    suite.write_text(yaml.safe_dump(data))
    answers = [(EXAMPLES @ weight).argmax(axis=1) == LABELS for weight in (WEIGHT, PRUNED, second)]
    dense, pruned, other = answers
    quality, _, record, folder = run(suite)
    lost = quality["pruned"]
    assert lost.exemplar_count == (dense & other & ~pruned).sum() < (dense & ~pruned).sum()
    assert recompute(record, Suite.model_validate(record.suite), folder).quality == folder.load().quality


def test_a_dense_model_is_not_pruned():
    recipe = {"method": "magnitude", "sparsity": 0.5}
    with pytest.raises(ValidationError, match="a dense model is not pruned: leave out dense or prune"):
        VariantSpec.model_validate({"name": "v", "dense": True, "prune": recipe})
