"""The version in production: a variant of this run, or of a recorded one that can be trusted and set beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records_by_hand import device, suite, variant
from scored_kit import question, right, run, scores

from xbench.gate.production import is_production, references
from xbench.gate.question import Reference, Source
from xbench.gate.scored import scored_evidence
from xbench.machine.fingerprint import fingerprint
from xbench.records.policy import Policy, Production
from xbench.records.run_record import VariantState
from xbench.store.folder import ResultsFolder
from xbench.suite.model import Suite

PRUNED = Production(variant="pruned", hardware=("cpu",))
OLDER = "20250101T000000Z-hand-bbbbbb"
HERE = fingerprint()


def made(path, name, wrong=(), **changes):
    dense, pruned = scores("dense", accuracy=right(200)), scores("pruned", accuracy=right(200, wrong))
    return run(path, dense, pruned, name=name, **{"fingerprint": HERE, "xbench_version": "0", **changes})


@pytest.fixture
def now(tmp_path):
    return made(tmp_path, "20260101T000000Z-hand-aaaaaa", range(5))


def kept(path, **changes):
    """A recorded run, sealed."""
    source = made(path, OLDER, range(9), **changes)
    source.folder.seal(source.record, ())
    return source


def found(now, path, *named):
    policy = Policy(production=named)
    return references(now.record, now.suite, policy, ResultsFolder(path), now.folder)


def of_older(now, path, **more):
    return found(now, path, Production(variant="pruned", run=OLDER, **more))["cpu"]


def test_a_variant_of_this_run_is_a_reference_and_is_not_held_against_itself(now, tmp_path):
    told = found(now, tmp_path, Production(variant="dense", hardware=("gpu",)), PRUNED)
    assert list(told) == ["cpu"]
    assert (told["cpu"].variant, told["cpu"].historical) == ("pruned", False)
    source = replace(now, production=told)
    assert [is_production(source, name, "cpu") for name in ("pruned", "dense")] == [True, False]
    assert not is_production(now, "pruned", "cpu")
    assert found(now, tmp_path, Production(variant="pruned", run=now.record.id))["cpu"].historical is False
    assert found(now, tmp_path, Production(variant="x", hardware=("gpu",))) == {}


def test_it_is_called_as_in_the_precision_that_the_device_takes(now, tmp_path):
    low = [
        VariantState(
            name=f"{name} (int8)", of=name, precision="int8", baseline=False, artifact=variant(name).artifact
        )
        for name in ("dense", "pruned")
    ]
    record = now.record.model_copy(
        update={"variants": (*now.record.variants, *low), "devices": (device(precisions=("int8",)),)}
    )
    told = found(replace(now, record=record), tmp_path, Production(variant="pruned"))
    assert told["cpu"].variant == "pruned (int8)"
    both = record.model_copy(update={"devices": (device(precisions=("fp32", "int8")),)})
    for name in ("pruned", "pruned (int8)"):
        assert found(replace(now, record=both), tmp_path, Production(variant=name))["cpu"].variant == name


def test_a_recorded_run_is_historical_and_its_own_scores_are_looked_at(now, tmp_path):
    kept(tmp_path)
    told = of_older(now, tmp_path)
    assert (told.variant, told.historical, told.source.record.id) == ("pruned", True, OLDER)
    source = replace(now, production={"cpu": told})
    evidence = scored_evidence(source, question(source, metric="accuracy", against="production"))
    assert evidence.estimate.point == pytest.approx((5 - 9) / 200)
    assert [one.run for one in evidence.samples] == ["", OLDER]
    assert not is_production(source, "pruned", "cpu")


def test_a_run_that_was_changed_is_no_reference(now, tmp_path):
    older = kept(tmp_path)
    file = older.folder.path / "quality" / "v01-h00.npz"
    before = file.read_bytes()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    assert "quality/v01-h00.npz was changed" in of_older(now, tmp_path)
    source = replace(now, production={"cpu": of_older(now, tmp_path)})
    evidence = scored_evidence(source, question(source, metric="accuracy", against="production"))
    assert (evidence.estimate, evidence.missing) == (None, "invalid")
    assert "was changed" in evidence.reason
    file.write_bytes(before)
    assert isinstance(of_older(now, tmp_path), Reference)
    record = older.folder.path / "run.json"
    record.write_text(record.read_text().replace('"accuracy"', '"mrr"'))
    assert "run.json was changed" in of_older(now, tmp_path)
    record.write_text("{")
    told = of_older(now, tmp_path)
    assert isinstance(told, str)
    assert str(tmp_path) not in told, "a record holds no path of a machine"


def test_a_run_that_nobody_sealed_or_that_is_not_there_is_no_reference(now, tmp_path):
    assert of_older(now, tmp_path).endswith("there is no such run in the results folder")
    source = made(tmp_path, OLDER)
    source.folder.save(source.record.model_copy(update={"status": "running"}))
    assert of_older(now, tmp_path).endswith("cannot be looked at: it is running")
    source.folder.save(source.record)
    assert "manifest" in of_older(now, tmp_path)
    for run_id in ("last", OLDER[:-1] + "/", "../x"):
        told = found(now, tmp_path, Production(variant="pruned", run=run_id))["cpu"]
        assert told.endswith(f"{run_id!r} is not the whole id of a run")
    alone = references(
        now.record, now.suite, Policy(production=(Production(variant="pruned", run=OLDER),)), None, None
    )
    assert alone["cpu"].endswith("the results folder is not known")


OTHER_CPU = HERE.model_copy(update={"cpu_model": "another"})
UPDATED = HERE.model_copy(update={"libraries": {**HERE.libraries, "onnxruntime": "0.1"}})
OTHER_MODEL = Suite.model_validate({**suite("pruned").model_dump(by_alias=True), "model": {"onnx": "other.onnx"}})
SLOWER = device()
SLOWER = SLOWER.model_copy(update={"profile": SLOWER.profile.model_copy(update={"precision": "int8"})})
CALLED = device()
CALLED = CALLED.model_copy(update={"profile": CALLED.profile.model_copy(update={"title": "in other words"})})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fingerprint": OTHER_CPU}, f"made under other terms: cpu_model: {HERE.cpu_model!r} and 'another'; put the"),
        ({"fingerprint": UPDATED}, "other terms: libraries.onnxruntime: "),
        ({"devices": (SLOWER,)}, "other terms: profile.precision: 'fp32' and 'int8'"),
        ({"devices": (device("gpu"),)}, "it was not on cpu, but on gpu"),
        ({"devices": (device(available=False),)}, "cpu was not there: no driver"),
        ({"variants": (variant("dense", baseline=True),)}, "no variant 'pruned' on cpu: known are dense"),
        (
            {"variants": (variant("dense", baseline=True), variant("pruned", failure="not exported"))},
            "pruned, the version in production, could not be made: not exported",
        ),
        (
            {"asked": suite("pruned").model_copy(update={"name": "another"})},
            "it is of another suite: another, and this one is hand",
        ),
        ({"asked": OTHER_MODEL}, "its model is another one than this suite's"),
        ({"suite": {"name": "hand"}}, "its suite cannot be read: "),
    ],
)
def test_a_run_that_cannot_be_set_beside_this_one_is_no_reference(now, tmp_path, changes, why):
    kept(tmp_path, **changes)
    told = of_older(now, tmp_path)
    assert told.startswith(f"the version in production, pruned of the run {OLDER}, cannot be looked at: ")
    assert why in told


def test_words_about_a_target_are_no_other_terms(now, tmp_path):
    kept(tmp_path, devices=(CALLED,))
    assert isinstance(of_older(now, tmp_path), Reference)


def test_without_a_record_of_quality_there_it_is_invalid(now, tmp_path):
    older = kept(tmp_path, quality=())
    assert isinstance(older, Source)
    source = replace(now, production={"cpu": of_older(now, tmp_path)})
    evidence = scored_evidence(source, question(source, metric="accuracy", against="production"))
    assert evidence.reason == "pruned in production: quality was not scored"
