"""Scores of examples: metrics that fail on some, divergence from the baseline, and data that are never held whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from own_data import scored, task

from xbench.errors import InputError, InvalidError
from xbench.quality.divergence import divergence
from xbench.quality.feeding import ArrayFeeder
from xbench.quality.mean import answers_of
from xbench.quality.metering import metered
from xbench.quality.regression import RegressionTask
from xbench.quality.rowtask import Ground
from xbench.quality.scoring import example_scores
from xbench.records.quality import DataFacts, ExampleFacts

RANDOM = np.random.default_rng(0)
X = {"x": "float32"}


class Played:
    """A third party's metric: `score` gives the scores of some rows of predictions, (rows, 1)."""

    name, better, span = "played", "higher", 1.0

    def __init__(self, score):
        self.score = score

    def scores(self, answers, targets):
        return self.score(answers["prediction"])

    def value(self, scores, weights):
        return float(np.average(scores, weights=weights))


def made(folder, count=23, batch=5, **metrics):
    np.savez(folder / "d.npz", x=np.arange(count, dtype=np.float32)[:, None], target=np.zeros(count))
    found = task(folder, task="regression", dataset={"file": "d.npz"}, batch=batch)
    found.metrics = {name: Played(score) for name, score in metrics.items()}
    return found


def identity(feeds):
    return {"y": feeds["x"]}


def plain(rows):
    return rows[:, 0] / 100


def test_an_example_that_a_metric_raises_on_is_told_and_is_none_of_all_metrics(tmp_path):
    def picky(rows):
        if (rows == 7).any():
            raise RuntimeError("no\x1b[31m boxes\nsecond line")
        return np.where(rows[:, 0] == 12, np.nan, plain(rows))

    found, _ = scored(made(tmp_path, first=plain, picky=picky), X, identity)
    assert found.failed == {
        7: r"picky: RuntimeError: no\x1b[31m boxes",
        12: "picky: the score is NaN or infinite",
    }
    good = np.asarray([n not in (7, 12) for n in range(23)])
    for scores in found.metrics.values():
        np.testing.assert_allclose(scores[good], np.arange(23)[good] / 100)
        assert np.isnan(scores[~good]).all()


def test_a_metric_that_fails_on_all_examples_ends_it(tmp_path):
    def broken(rows):
        raise KeyError("truth")

    with pytest.raises(InvalidError, match=r"None of 23 examples[\s\S]*broken: KeyError: 'truth'"):
        scored(made(tmp_path, broken=broken), X, identity)


def test_a_package_that_a_metric_misses_is_no_failed_example(tmp_path):
    def lacking(rows):
        raise InputError("The metric needs a package")

    with pytest.raises(InputError, match="needs a package"):
        scored(made(tmp_path, lacking=lacking), X, identity)


@pytest.mark.parametrize(
    "score",
    [
        lambda rows: 1.0,
        lambda rows: np.zeros(len(rows) + 1),
        lambda rows: np.zeros((len(rows), 2, 2)),
        lambda rows: np.zeros((len(rows), 1 + (len(rows) < 5))),  # another shape in the last chunk
    ],
)
def test_scores_of_a_wrong_shape_name_the_metric(tmp_path, score):
    with pytest.raises(InvalidError, match="metric odd must give"):
        scored(made(tmp_path, odd=score), X, identity)


def test_several_numbers_for_each_example_are_kept_where_one_fails():
    def pairs(rows):
        if len(rows) > 1:
            raise ValueError("one at a time")
        if rows[0, 0] == 2:
            raise ValueError("not this one")
        return np.repeat(rows, 2, axis=1)

    rows = {"prediction": np.arange(4.0)[:, None]}
    scores, failed = metered("pairs", Played(pairs), rows, {}, 4)
    assert failed == {2: "pairs: ValueError: not this one"}
    assert scores[[0, 1, 3]].tolist() == [[0, 0], [1, 1], [3, 3]]
    assert np.isnan(scores[2]).all()


def test_a_chunk_in_which_every_example_fails_costs_no_other(tmp_path):
    def picky(rows):
        if (rows == 22).any():
            raise RuntimeError("no boxes")
        return np.repeat(rows, 3, axis=1)

    asked = made(tmp_path, count=23, batch=2, picky=picky)
    found = example_scores(asked, answers_of(asked, X, identity), None, "pruned", "cpu")
    assert list(found.failed) == [22]
    np.testing.assert_allclose(found.metrics["picky"][:22], np.repeat(np.arange(22.0)[:, None], 3, axis=1))


def test_divergence_is_scipys_and_is_finite_where_a_class_has_no_chance():
    stats = pytest.importorskip("scipy.stats")
    p, q = RANDOM.dirichlet(np.ones(5), 20), RANDOM.dirichlet(np.ones(5), 20)
    np.testing.assert_allclose(divergence("kl", q, p), stats.entropy(p, q, axis=1), rtol=1e-9)
    assert divergence("kl", p, p).tolist() == [0] * 20
    sure, other = np.asarray([[1.0, 0.0]]), np.asarray([[0.0, 1.0]])
    assert divergence("kl", other, sure)[0] == pytest.approx(-np.log(np.finfo(np.float32).tiny))
    assert divergence("cosine", np.zeros((1, 3)), np.zeros((1, 3)))[0] == 0
    with pytest.raises(InvalidError, match="4 values for each example, and the baseline's 5"):
        divergence("kl", q[:, :4], p)


def test_flips_and_divergence_of_a_variant_against_kept_answers(tmp_path):
    stats = pytest.importorskip("scipy.stats")
    dense, sparse = RANDOM.standard_normal((2, 23, 4)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=np.arange(23.0)[:, None], label=np.arange(23) % 4)
    one = task(tmp_path, task="classification", dataset={"file": "d.npz"}, batch=5, metrics=["accuracy"])
    played = lambda table: lambda feeds: {"y": table[feeds["x"][:, 0].astype(int)]}  # noqa: E731
    reference = answers_of(one, X, played(dense))
    found, _ = scored(one, X, played(sparse), iter(reference))
    softmax = lambda scores: np.exp(scores) / np.exp(scores).sum(1, keepdims=True)  # noqa: E731
    expected = stats.entropy(softmax(dense.astype(float)), softmax(sparse.astype(float)), axis=1)
    np.testing.assert_allclose(found.divergence, expected, rtol=1e-4)
    assert found.divergence_kind == "kl"
    for kept in (reference[:-1], [*reference, reference[-1]]):
        with pytest.raises(InvalidError, match="answers to 23 rows of data are needed"):
            example_scores(one, iter(reference), iter(kept), "v", "cpu")
        with pytest.raises(InvalidError, match="answers to 23 rows of data are needed"):
            example_scores(one, iter(kept), iter(reference), "v", "cpu")


class Endless:
    """Rows that are made when they are asked for: all together they would be 800 MB."""

    source, columns = "made up", ("x", "target")
    classes: dict = {}  # noqa: RUF012

    def __init__(self, examples):
        self.examples = examples

    def batches(self, columns, size):
        for start in range(0, self.examples, size):
            count = min(size, self.examples - start)
            rows = {"x": np.full((count, 10_000), start, np.float32), "target": np.zeros(count)}
            yield {name: rows[name] for name in columns}


def test_data_are_streamed():
    examples, batch = 20_000, 100
    data = Endless(examples)
    ids = np.arange(examples).astype(np.str_)
    facts = DataFacts(source="made up", sha256="0" * 64, examples=examples)
    ground = Ground(data, facts, ExampleFacts(ids), {"first": Played(lambda rows: rows[:, 0])}, batch)
    one = RegressionTask(ground, ArrayFeeder({"x": "x"}, next(data.batches(("x",), 1))), "target")
    tracemalloc.start()
    found, _ = scored(one, X, lambda feeds: {"y": feeds["x"][:, :1]})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.metrics["first"][-1] == examples - batch
    assert peak < 40e6, "some batches of 4 MB, and not 800 MB"
