"""What examples scored, on disk: the same when read back, older files too, and no other file in their place."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from xbench.errors import StoreError
from xbench.records.quality import ExampleFacts, ExampleScores
from xbench.store.folder import ResultsFolder

SCORES = ExampleScores(
    variant="v",
    hardware="cpu",
    dataset_sha256="digest",
    # Names of a plug-in's: `numpy.savez` would take the first two for something else.
    metrics={"file": np.asarray([0.0, np.nan, 1 / 3]), "meta": np.arange(6.0).reshape(3, 2)},
    failed={1: "it raised"},
    answers=np.asarray([3, -1, 2**60]),
    right=np.asarray([True, False, True]),
    confidence=np.asarray([0.5, np.nan, 1.0]),
    divergence=np.asarray([0.0, np.nan, 2.0]),
    divergence_kind="kl",
)


@pytest.fixture
def run(tmp_path):
    return ResultsFolder(tmp_path / "results").new_run("suite")


def same(one, other):
    """Equal, arrays bit for bit."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, dict) and a and isinstance(next(iter(a.values())), np.ndarray):
            assert list(a) == list(b)
            assert [v.tobytes() for v in a.values()] == [v.tobytes() for v in b.values()]
        elif isinstance(a, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        else:
            assert a == b


def test_scores_come_back_bit_for_bit(run):
    run.save_scores(1, 0, SCORES)
    same(SCORES, run.scores(1, 0))
    bare = ExampleScores("v", "cpu", "digest", {"recall": np.asarray([0.0, 1.0, 1 / 3])})
    run.save_scores(1, 1, bare)
    same(bare, run.scores(1, 1))
    assert run.scores(0, 0) is None


def test_scores_of_the_form_before_are_read(run):
    values = np.asarray([0.0, 1.0, 1 / 3])
    meta = json.dumps({"variant": "v", "hardware": "cpu", "dataset": "digest"})
    (run.path / "quality").mkdir()
    np.savez_compressed(run.path / "quality" / "v00-h00.npz", meta=np.asarray(meta), mrr=values, recall_at_1=values)
    same(ExampleScores("v", "cpu", "digest", {"mrr": values, "recall_at_1": values}), run.scores(0, 0))


def rewritten(path, meta=None, **arrays):
    with np.load(path) as content:
        found = dict(content)
    told = json.loads(str(found["meta"])) | (meta or {})
    np.savez_compressed(path, **(found | arrays | {"meta": np.asarray(json.dumps(told))}))


@pytest.mark.parametrize(
    ("meta", "arrays", "told"),
    [
        ({"schema": "xbench.scores/3"}, {}, r"schema 'xbench\.scores/3'; known is xbench\.scores/2"),
        ({"metrics": ["file", "meta", "more"]}, {}, "metric_2"),
        ({"divergence_kind": "js"}, {}, "kind 'js'"),
        ({"failed": {"3": "x"}}, {}, "none of the examples"),
        ({}, {"metric_0": np.zeros(2)}, "arrays differ in length: file 2, meta 3"),
        ({}, {"metric_0": np.zeros(3, np.float32)}, "scores are float32"),
        ({}, {"answers": np.zeros(3)}, "an array is float64"),
        ({}, {"right": np.zeros((3, 1), bool)}, r"an array is bool \(3, 1\)"),
        ({}, {"confidence": np.asarray([print] * 3, dtype=object)}, "allow_pickle"),
    ],
)
def test_scores_that_were_changed_are_refused(run, meta, arrays, told):
    run.save_scores(0, 0, SCORES)
    rewritten(run.path / "quality" / "v00-h00.npz", meta, **arrays)
    with pytest.raises(StoreError, match=rf"(?s)The scores v00-h00\.npz cannot be read.*{told}"):
        run.scores(0, 0)


def test_scores_that_are_damaged_are_refused(run):
    run.save_scores(0, 0, SCORES)
    path = run.path / "quality" / "v00-h00.npz"
    for content in (b"PK\x03\x04 nothing", path.read_bytes()[:-40], b""):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"scores v00-h00\.npz cannot be read"):
            run.scores(0, 0)


def test_examples_come_back(run):
    facts = ExampleFacts(
        ids=np.asarray(["a", "ä longer one", ""]),
        labels=np.asarray([1, -1, 0]),
        classes=("no", "yes"),
        slices={"file": np.asarray([True, False, True]), "len(x) > 2": np.zeros(3, bool)},
    )
    assert run.examples() is None
    run.save_examples(facts)
    same(facts, run.examples())
    bare = ExampleFacts(ids=np.asarray(["0", "1"]))
    run.save_examples(bare)
    same(bare, run.examples())
    rewritten(run.path / "quality" / "examples.npz", slice_0=np.zeros(5, bool), meta={"slices": ["s"]})
    with pytest.raises(StoreError, match="arrays differ in length: ids 2, s 5"):
        run.examples()


def test_names_of_answers_come_back(run):
    assert run.labels() == {}
    run.save_labels({3: "drei", -1: "ä"})
    assert run.labels() == {3: "drei", -1: "ä"}
    (run.path / "quality" / "labels.json").write_text("[]")
    with pytest.raises(StoreError, match=r"names of answers labels\.json cannot be read"):
        run.labels()


def test_kept_answers_go_and_results_stay(run):
    run.save_scores(0, 0, SCORES)
    run.kept_file("h00").write_bytes(b"1")
    (run.path / "quality" / "..kept-h00.1234").write_bytes(b"1")
    run.drop_kept()
    assert [file.name for file in (run.path / "quality").iterdir()] == ["v00-h00.npz"]
