from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xbench.datasets.digits import digits
from xbench.errors import InputError, InvalidError
from xbench.quality.docstrings import docstring_pairs
from xbench.quality.pooling import pool
from xbench.quality.ranking import Judged, ranked

RANDOM = np.random.default_rng(0)


def reciprocal_ranks(similarity):
    """1 / rank of the only right document of each query, which is the one of its number."""
    judged = [Judged(np.asarray([number]), np.ones(1)) for number in range(len(similarity))]
    found = ranked(similarity, judged)
    np.testing.assert_array_equal(found.first == np.arange(len(similarity)), found.grades[:, 0] > 0)
    return 1 / (found.grades.argmax(axis=1) + 1)


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


def test_rankings_with_grades_are_those_of_a_plain_sort():
    for _ in range(20):
        queries, documents = 7, int(RANDOM.integers(1, 30))
        similarity = RANDOM.integers(0, 4, (queries, documents)).astype(np.float32)  # many ties
        grades = RANDOM.integers(0, 4, (queries, documents)).astype(float)
        judged = [Judged(np.flatnonzero(row), row[row > 0]) for row in grades]
        found = ranked(similarity, judged)
        for query in range(queries):
            order = sorted(range(documents), key=lambda d: (-similarity[query, d], grades[query, d]))
            assert found.grades[query].tolist() == grades[query, order].tolist()
            assert found.ideal[query].tolist() == sorted(grades[query], reverse=True)
            assert grades[query, found.first[query]] == grades[query, order[0]]
            assert similarity[query, found.first[query]] == similarity[query].max()


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
