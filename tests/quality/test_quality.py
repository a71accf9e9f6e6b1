from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xbench.analysis.quality import drop, quality_result
from xbench.errors import InputError, InvalidError
from xbench.quality import docstrings
from xbench.quality.classification import ClassificationTask, digits
from xbench.quality.docstrings import docstring_pairs
from xbench.quality.retrieval import RetrievalTask, pool, reciprocal_ranks
from xbench.records.quality import ExampleScores
from xbench.stats.paired import paired_bootstrap, tango_interval

RANDOM = np.random.default_rng(0)


def test_reciprocal_ranks_are_the_average_precision_of_one_right_document():
    metrics = pytest.importorskip("sklearn.metrics")
    # Few different values: many ties, which sklearn too ranks by the worst place.
    similarity = RANDOM.integers(0, 6, (40, 40)).astype(np.float32)
    ranks = reciprocal_ranks(similarity)
    for query, row in enumerate(similarity):
        relevant = np.eye(40)[query]
        expected = metrics.label_ranking_average_precision_score(relevant[None], row[None])
        assert ranks[query] == pytest.approx(expected)


def test_ties_are_never_in_ones_favour():
    assert reciprocal_ranks(np.zeros((5, 5))).tolist() == [0.2] * 5
    assert reciprocal_ranks(np.eye(3)).tolist() == [1.0] * 3
    assert reciprocal_ranks(np.asarray([[0.5, 0.6, 0.5], [0, 1, 0], [1, 0, 0.0]])).tolist() == [1 / 3, 1, 1 / 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_similarities_that_are_no_numbers_give_no_score(bad):
    similarity = np.eye(3)
    similarity[1, 1] = bad
    with pytest.raises(InvalidError):
        reciprocal_ranks(similarity)


@pytest.mark.parametrize("how", ["mean", "cls"])
def test_pooling_is_that_of_sentence_transformers(how):
    torch = pytest.importorskip("torch")
    vectors = RANDOM.standard_normal((4, 7, 5)).astype(np.float32)
    mask = (np.arange(7)[None] < np.asarray([7, 3, 1, 5])[:, None]).astype(np.int64)
    tokens, weights = torch.from_numpy(vectors), torch.from_numpy(mask).unsqueeze(-1).float()
    wanted = tokens[:, 0] if how == "cls" else (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
    wanted = torch.nn.functional.normalize(wanted, dim=1).numpy()
    np.testing.assert_allclose(pool(vectors, mask, how), wanted, atol=1e-6)
    noisy = vectors + 100 * (1 - mask[..., None])
    np.testing.assert_allclose(pool(noisy, mask, how), wanted, atol=1e-6, err_msg="padding must not count")


def test_the_docstring_pairs_are_real_unique_and_the_same_in_any_order_of_files(monkeypatch):
    pairs = docstring_pairs()
    assert len(pairs.queries) == len(pairs.documents) == len(set(pairs.queries)) == len(set(pairs.documents)) == 275
    assert all(20 <= len(query) <= 200 and query == " ".join(query.split()) for query in pairs.queries)
    assert all(100 <= len(document) <= 2000 for document in pairs.documents)
    listed = Path.glob

    def turned(self, pattern):
        found = list(listed(self, pattern))
        found.reverse()
        return found

    monkeypatch.setattr(Path, "glob", turned)
    assert docstring_pairs() == pairs


def test_too_little_text_is_told(monkeypatch):
    listed = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: list(listed(self, pattern))[:2])
    with pytest.raises(InputError, match="needs 275 pairs"):
        docstring_pairs()


def test_the_digits_are_split_evenly_and_always_the_same():
    pytest.importorskip("sklearn")
    train, train_labels, held_out, labels = digits()
    assert (train.shape, held_out.shape) == ((1257, 1, 8, 8), (540, 1, 8, 8))
    assert held_out.dtype == np.float32
    assert (held_out.min(), held_out.max()) == (0, 1)
    shares = np.bincount(train_labels) / 1257 - np.bincount(labels) / 540
    assert np.abs(shares).max() < 0.002
    seen = {image.tobytes() for image in train}
    assert not any(image.tobytes() in seen for image in held_out)
    again = digits()
    assert all(np.array_equal(a, b) for a, b in zip((train, train_labels, held_out, labels), again, strict=True))


def classification(count=25, batch=8, classes=4):
    labels = np.arange(count) % classes
    return ClassificationTask(RANDOM.standard_normal((count, 3)).astype(np.float32), labels, batch, "x"), labels


def test_accuracy_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    task, labels = classification()
    scores = RANDOM.standard_normal((25, 4))
    fed = list(task.feeds({"x": "float32"}))
    assert [len(feeds["x"]) for feeds in fed] == [8, 8, 8, 1]
    assert task.batches == 4
    kept = [task.reduce(i, {"y": scores[i * 8 : (i + 1) * 8]}) for i in range(4)]
    found = task.score(kept)["accuracy"]
    assert found.mean() == metrics.accuracy_score(labels, scores.argmax(1))


@pytest.mark.parametrize("shape", [(8,), (1, 4), (7, 4), (8, 1), (8, 3), (8, 4, 1)])
def test_scores_of_another_shape_are_refused(shape):
    task, _ = classification()
    with pytest.raises(InvalidError, match="the model gave shape"):
        task.reduce(0, {"y": np.zeros(shape)})


def test_a_model_with_two_inputs_is_refused():
    with pytest.raises(InputError):
        next(classification()[0].feeds({"x": "float32", "y": "float32"}))


def test_retrieval_scores_queries_against_their_own_documents(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = {"[UNK]": 0, "a": 1, "b": 2, "c": 3}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))  # noqa: S106
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.save(str(tmp_path / "tokenizer.json"))
    pairs = docstrings.TextPairs(("a", "b b", "c"), ("a a", "b", "a c c c"), "digest")
    task = RetrievalTask(pairs, tmp_path, 3, 4, "mean")
    fed = list(task.feeds({"input_ids": "int64", "attention_mask": "int64"}))
    assert [feeds["input_ids"].shape for feeds in fed] == [(4, 2), (2, 3)], (
        "cut at three tokens, padded to the longest"
    )
    kept = [task.reduce(i, {"y": np.eye(4, dtype=np.float32)[feeds["input_ids"]]}) for i, feeds in enumerate(fed)]
    found = task.score(kept)
    # As bags of words, each query is nearest to its own document.
    assert found["recall_at_1"].tolist() == found["mrr"].tolist() == [1, 1, 1]
    with pytest.raises(InputError, match="cannot feed the input 'pixels'"):
        next(task.feeds({"pixels": "float32"}))
    with pytest.raises(InvalidError, match="token vectors"):
        task.reduce(0, {"y": np.zeros((4, 4), np.float32)})


def test_the_drop_of_right_and_wrong_is_tangos_and_of_others_the_bootstraps():
    base = (RANDOM.random(200) < 0.8).astype(np.float64)
    other = np.where(RANDOM.random(200) < 0.1, 1 - base, base)
    lost, won = int(((base == 1) & (other == 0)).sum()), int(((base == 0) & (other == 1)).sum())
    assert drop(base, other, 0) == tango_interval(lost, won, 200, confidence=0.90)
    assert drop(base, other, 0).point == pytest.approx(base.mean() - other.mean())
    ranks = 1 / RANDOM.integers(1, 9, 200)
    assert drop(ranks, other, 3) == paired_bootstrap(ranks, other, confidence=0.90, seed=3)


def scores(variant, digest="d", **metrics):
    return ExampleScores(
        variant, "cpu", digest, {name: np.asarray(values, float) for name, values in metrics.items()}
    )


def test_results_against_a_baseline():
    base, other = scores("dense", accuracy=[1, 1, 1, 0]), scores("pruned", accuracy=[1, 0, 0, 0])
    assert quality_result(base, None, 0).metric("accuracy").drop is None
    found = quality_result(other, base, 0).metric("accuracy")
    assert (found.value, found.examples, found.drop.point, found.drop.confidence) == (0.25, 4, 0.5, 0.90)


def test_other_data_are_not_compared():
    found = quality_result(scores("pruned", "other", accuracy=[1, 0]), scores("dense", accuracy=[1, 0]), 0)
    assert not found.metrics
    assert "differ" in found.failure
