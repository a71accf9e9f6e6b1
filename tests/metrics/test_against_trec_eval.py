"""Retrieval metrics are trec_eval's, on random rankings with grades."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.metrics.choosing import metric

QUERIES, DOCUMENTS = 60, 30
CUT_OFFS = (1, 3, 10, 50)
MEASURES = {
    "recall_at_{k}": "recall_{k}",
    "precision_at_{k}": "P_{k}",
    "success_at_{k}": "success_{k}",
    "ndcg_at_{k}": "ndcg_cut_{k}",
    "map_at_{k}": "map_cut_{k}",
}


def rankings(seed):
    """Grades in ranked order, (queries, documents); few relevant or many, the first query's last document alone."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.02, 0.7, (QUERIES, 1))
    grades = np.where(rng.random((QUERIES, DOCUMENTS)) < share, rng.integers(1, 4, (QUERIES, DOCUMENTS)), 0)
    grades[grades.max(axis=1) == 0, 5] = 2
    grades[0] = 0
    grades[0, -1] = 1
    return grades.astype(float)


def judged(grades):
    return {"grades": grades}, {"ideal": -np.sort(-grades, axis=1)}


@pytest.mark.parametrize("seed", range(3))
def test_they_are_trec_evals(seed):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    grades = rankings(seed)
    qrel = {f"q{q}": {f"d{d}": int(grade) for d, grade in enumerate(row)} for q, row in enumerate(grades)}
    run = {query: {f"d{d}": float(-d) for d in range(DOCUMENTS)} for query in qrel}
    cuts = ",".join(map(str, CUT_OFFS))
    families = {f"{measure.removesuffix('_{k}')}.{cuts}" for measure in MEASURES.values()}
    told = pytrec_eval.RelevanceEvaluator(qrel, {*families, "map", "ndcg", "recip_rank"}).evaluate(run)
    names = {mine.format(k=k): theirs.format(k=k) for mine, theirs in MEASURES.items() for k in CUT_OFFS}
    for mine, theirs in {**names, "map": "map", "ndcg": "ndcg", "mrr": "recip_rank"}.items():
        expected = [told[query][theirs] for query in qrel]
        np.testing.assert_allclose(metric(mine).scores(*judged(grades)), expected, atol=1e-9, err_msg=mine)


def test_a_cut_off_reciprocal_rank_is_0_after_it():
    grades = np.array([[0, 1, 0, 2], [0, 0, 0, 1]], float)
    assert metric("mrr").scores(*judged(grades)).tolist() == [0.5, 0.25]
    assert metric("mrr_at_3").scores(*judged(grades)).tolist() == [0.5, 0]


def test_documents_that_are_judged_below_0_gain_nothing():
    """As in trec_eval, where a negative grade is for junk."""
    grades = np.array([[-1, 2, -2, 1]], float)
    zeros = np.maximum(grades, 0)
    for name in ("ndcg", "ndcg_at_3", "map", "recall_at_2", "mrr"):
        assert metric(name).scores(*judged(grades)) == metric(name).scores(*judged(zeros)), name


def test_a_query_that_no_document_answers_is_an_error():
    grades = np.array([[1, 0], [0, 0]], float)
    for name in ("mrr", "ndcg_at_10", "recall_at_1"):
        with pytest.raises(ValueError, match="no document answers this query"):
            metric(name).scores(*judged(grades))
