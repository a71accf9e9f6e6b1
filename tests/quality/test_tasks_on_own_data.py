"""Each task, from data in files to the values of metrics, held against scikit-learn's and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from own_data import scored, task, tokenizer, write_csv, write_jsonl
from pydantic import ValidationError

from xbench.errors import InputError, InvalidError
from xbench.quality.docstrings import docstring_pairs
from xbench.quality.mean import answers_of
from xbench.quality.scoring import example_scores
from xbench.records.artifact import TensorSpec
from xbench.road.opening import open_workshop, task_of
from xbench.suite.loading import LoadedSuite, load_suite
from xbench.suite.model import Suite

RANDOM = np.random.default_rng(0)
X = {"x": "float32"}
FILE = {"file": "d.npz"}


def spec(name, dtype, *shape):
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def softmax(scores):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def identity(feeds):
    return {"y": feeds["x"]}


def test_classification_is_scikit_learns(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, label = RANDOM.standard_normal((25, 4)), np.arange(25) % 4
    np.savez(tmp_path / "d.npz", x=scores, label=label, kind=np.arange(25) % 2)
    made = task(
        tmp_path,
        task="classification",
        dataset=FILE,
        batch=8,
        classes=["a", "b", "c", "d"],
        inputs={"x": "x"},
        slices=[{"column": "kind"}],
        metrics=["accuracy", "log_loss"],
    )
    found, values = scored(made, X, identity)
    right = scores.argmax(1) == label
    assert values["accuracy"] == metrics.accuracy_score(label, scores.argmax(1))
    assert values["log_loss"] == pytest.approx(metrics.log_loss(label, softmax(scores)), rel=1e-5)
    assert found.right.tolist() == right.tolist()
    assert found.answers.tolist() == scores.argmax(1).tolist()
    np.testing.assert_allclose(found.confidence, softmax(scores).max(1), rtol=1e-5)
    assert made.label(2) == "c"
    assert [int(mask.sum()) for mask in made.examples.slices.values()] == [13, 12]
    assert (found.dataset_sha256, found.divergence) == (made.data.sha256, None)


def test_how_a_model_fixes_its_batch_makes_no_difference(tmp_path):
    scores, label = RANDOM.standard_normal((25, 4)).astype(np.float32), np.arange(25) % 4
    np.savez(tmp_path / "d.npz", x=scores, label=label)
    made = task(tmp_path, task="classification", dataset=FILE, batch=8)
    found = {}
    for fixed in ("batch", 1, 7, 40):
        batches = list(made.feeds([spec("x", "float32", fixed, 4)]))
        sizes = {len(batch.feeds["x"]) for batch in batches}
        assert sizes == ({8, 1} if fixed == "batch" else {fixed})
        assert sum(batch.count for batch in batches) == 25
        kept = [made.reduce(batch, {"y": batch.feeds["x"]}) for batch in batches]
        found[fixed] = example_scores(made, kept, None, "v", "cpu")
    for other in found.values():
        for name, scores in other.metrics.items():
            np.testing.assert_array_equal(scores, found["batch"].metrics[name])


@pytest.mark.parametrize("shape", [(8,), (1, 4), (7, 4), (8, 1), (8, 3), (8, 4, 1)])
def test_scores_of_another_shape_are_refused(tmp_path, shape):
    np.savez(tmp_path / "d.npz", x=np.zeros((25, 3)), label=np.arange(25) % 4)
    made = task(tmp_path, task="classification", dataset=FILE, batch=8)
    batch = next(made.feeds([spec("x", "float32", "batch", 3)]))
    with pytest.raises(InvalidError, match="the model gave shape"):
        made.reduce(batch, {"y": np.zeros(shape)})


def test_what_the_first_output_is_must_be_what_the_suite_says(tmp_path):
    scores = RANDOM.standard_normal((20, 3))
    np.savez(tmp_path / "d.npz", x=scores, p=softmax(scores), label=np.arange(20) % 3)
    asked = {"task": "classification", "dataset": FILE, "metrics": ["brier"]}
    _, logits = scored(task(tmp_path, **asked, inputs={"x": "x"}), X, identity)
    _, probabilities = scored(task(tmp_path, **asked, inputs={"x": "p"}, outputs="probabilities"), X, identity)
    assert logits["brier"] == pytest.approx(probabilities["brier"], rel=1e-5)
    with pytest.raises(InvalidError, match=r"negative[\s\S]*evaluate\.outputs: logits"):
        scored(task(tmp_path, **asked, inputs={"x": "x"}, outputs="probabilities"), X, identity)
    with pytest.raises(InvalidError, match=r"add up to 1[\s\S]*evaluate\.outputs: logits"):
        scored(task(tmp_path, **asked, inputs={"x": "p"}, outputs="probabilities"), X, lambda f: {"y": 2 * f["x"]})
    with pytest.raises(InvalidError, match=r"evaluate\.outputs: probabilities"):
        scored(task(tmp_path, **asked, inputs={"x": "p"}), X, identity)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (spec("x", "float32", "batch", 5), r"column 'x'.*'x'[\s\S]*batchx3, and the model wants batchx5"),
        (spec("x", "float32", "batch", 3, 1, 1), "batchx3, and the model wants batchx3x1x1"),
        (spec("x", "int64", "batch", 3), "are fractions"),
    ],
)
def test_arrays_that_do_not_fit_the_model(tmp_path, wanted, told):
    np.savez(tmp_path / "d.npz", x=RANDOM.random((20, 3)), label=np.arange(20) % 3)
    made = task(tmp_path, task="classification", dataset=FILE)
    with pytest.raises(InputError, match=told):
        next(made.feeds([wanted]))
    with pytest.raises(InputError, match="no column for the model's input 'z'"):
        next(made.feeds([spec("x", "float32", "batch", 3), spec("z", "float32", "batch", 3)]))


@pytest.mark.parametrize(
    ("dataset", "told", "unsaid"),
    [
        ("{file: a.npz, fil: b}", "dataset.fil: there is no key of this name; did you mean 'file'?", "'digits'"),
        ("{file: a.npz, sha256: 123}", "dataset.sha256: this should be text; put quotes", "'digits'"),
        ("digit", "dataset: this should be 'digits'", "no key of this name"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_not_that_it_is_no_word(tmp_path, dataset, told, unsaid):
    (tmp_path / "s.yaml").write_text(
        "schema: xbench.suite/1\nname: s\nmodel: {transformers: m}\nvariants: [{name: dense}]\n"
        f"evaluate: {{task: classification, dataset: {dataset}}}\n"
    )
    with pytest.raises(InputError) as refused:
        load_suite(tmp_path / "s.yaml")
    assert told in str(refused.value)
    assert unsaid not in str(refused.value)


def test_inputs_that_the_suite_names_are_the_models(tmp_path):
    np.savez(tmp_path / "d.npz", a=RANDOM.random((6, 3)), label=np.arange(6) % 3)
    asked = {"task": "classification", "dataset": FILE}
    wanted = [spec("pixels", "float32", "batch", 3)]
    for inputs, told in (
        ({"pixel": "a"}, r"input 'pixel'[\s\S]*it has 'pixels'[\s\S]*did you mean 'pixels'"),
        ({"pixels": "a", "zz": "a"}, r"input 'zz'[\s\S]*it has 'pixels'[\s\S]*leave it out"),
    ):
        with pytest.raises(InputError, match=told):
            next(task(tmp_path, **asked, inputs=inputs).feeds(wanted))
    assert next(task(tmp_path, **asked).feeds(wanted)).feeds["pixels"].shape == (6, 3), "the only column, unnamed"


@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [
        (np.nan, "float32", "NaN"),
        (-np.inf, "float32", "infinity"),
        (1e5, "float16", r"100000, too large for float16"),
        (np.nan, "int64", "NaN"),
    ],
)
def test_a_number_that_is_none_is_told_by_its_example(tmp_path, value, dtype, told):
    x = np.zeros((9, 3))
    x[7, 1] = value
    np.savez(tmp_path / "d.npz", x=x, label=np.arange(9) % 3)
    made = task(tmp_path, task="classification", dataset=FILE, batch=4)
    with pytest.raises(InputError, match=rf"column 'x'[\s\S]*it holds {told} in the example '7'"):
        list(made.feeds([spec("x", dtype, "batch", 3)]))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "the example '2' has a missing value"),
        ([1.0, None], "the example '2' has a missing value"),
        ([1.0], "different lengths: the first that differs is the example '2'"),
    ],
)
def test_rows_that_make_no_array_are_told_by_the_example(tmp_path, value, told):
    rows = [{"x": [0.5, 1.5], "label": n % 2} for n in range(4)]
    rows[2]["x"] = value
    write_jsonl(tmp_path / "d.jsonl", rows)
    made = task(tmp_path, task="classification", dataset={"file": "d.jsonl"})
    with pytest.raises(InputError, match=told):
        list(made.feeds([spec("x", "float32", "batch", 2)]))


def test_labels_that_count_from_one_are_told_so(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((9, 3)), label=1 + np.arange(9) % 3)
    with pytest.raises(InvalidError, match=r"4 classes[\s\S]*labels start at 0, and these go from 1 to 3"):
        scored(task(tmp_path, task="classification", dataset=FILE), X, identity)


def test_single_values_of_a_table_are_columns_of_width_one(tmp_path):
    write_csv(tmp_path / "d.csv", ["a", "b", "target"], [[n, n / 2, 3 * n] for n in range(6)])
    made = task(tmp_path, task="regression", dataset={"file": "d.csv"}, batch=4, inputs={"a": "a", "b": "b"})
    first = next(made.feeds([spec("a", "float32", "n", 1), spec("b", "float32", "n")])).feeds
    assert (first["a"].shape, first["b"].shape) == ((4, 1), (4,))
    found, values = scored(
        made, {"a": "float32", "b": "float32"}, lambda feeds: {"y": 2 * (feeds["a"] + feeds["b"]) + 1}
    )
    assert values["mae"] == 1
    assert (found.answers, found.right, found.divergence_kind) == (None, None, "")


def test_regression_of_several_values_is_scikit_learns(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    x, target = RANDOM.standard_normal((30, 2)), RANDOM.standard_normal((30, 2))
    np.savez(tmp_path / "d.npz", x=x, target=target)
    _, values = scored(task(tmp_path, task="regression", dataset=FILE, batch=7), {"x": "float64"}, identity)
    assert values["mae"] == pytest.approx(metrics.mean_absolute_error(target, x))
    assert values["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, x))
    with pytest.raises(InputError, match=r"2 values for each example[\s\S]*predicts 1"):
        scored(task(tmp_path, task="regression", dataset=FILE), X, lambda feeds: {"y": feeds["x"][:, :1]})


def test_multi_label_by_lists_by_names_and_by_zeros_and_ones(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth = RANDOM.standard_normal((21, 3)), RANDOM.integers(0, 2, (21, 3))
    truth[0] = 0
    names = np.asarray(["red", "green", "blue"])
    rows = [
        {"x": x.tolist(), "numbers": np.flatnonzero(t).tolist(), "names": names[t > 0].tolist(), "table": t.tolist()}
        for x, t in zip(scores, truth, strict=True)
    ]
    write_jsonl(tmp_path / "d.jsonl", rows)
    np.savez(tmp_path / "d.npz", x=scores, table=truth)
    for file, target in (("d.jsonl", "numbers"), ("d.jsonl", "names"), ("d.npz", "table")):
        made = task(
            tmp_path,
            task="multi-label",
            dataset={"file": file},
            target=target,
            inputs={"x": "x"},
            classes=names.tolist(),
            batch=8,
        )
        found, values = scored(made, X, identity)
        assert values["f1_micro"] == pytest.approx(metrics.f1_score(truth, scores >= 0, average="micro"))
        assert values["hamming_loss"] == pytest.approx(metrics.hamming_loss(truth, scores >= 0))
        assert found.right.tolist() == ((scores >= 0) == truth).all(1).tolist()
        codes = {tuple(row) for row in (scores >= 0).tolist()}
        assert len(set(found.answers.tolist())) == len(codes)
        given = names[scores[3] >= 0]
        assert made.label(int(found.answers[3])) == (", ".join(given) or "none")


def test_labels_of_another_number_than_the_outputs_name_the_example(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((9, 3)), labels=np.ones((9, 4), int), name=np.asarray(list("abcdefghi")))
    made = task(tmp_path, task="multi-label", dataset={**FILE, "id": "name"}, inputs={"x": "x"})
    with pytest.raises(InputError, match=r"gives 3 labels[\s\S]*'a' are 4"):
        scored(made, X, identity)
    write_jsonl(tmp_path / "d.jsonl", [{"x": [0.0, 0.0], "labels": row} for row in ([0], [7], [1])])
    made = task(tmp_path, task="multi-label", dataset={"file": "d.jsonl"}, inputs={"x": "x"})
    with pytest.raises(InputError, match=r"'1' has the label '7'[\s\S]*0 to 1"):
        scored(made, X, identity)


def test_embeddings_are_compared_with_the_baselines(tmp_path):
    scipy = pytest.importorskip("scipy.spatial.distance")
    x = RANDOM.standard_normal((11, 5)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x)
    made = task(tmp_path, task="embedding", dataset=FILE, pooling="none", batch=4)
    noise = RANDOM.standard_normal((5, 5)).astype(np.float32)
    dense = answers_of(made, X, identity)
    own, own_values = scored(made, X, identity)
    assert own_values["cosine_to_dense"] == pytest.approx(1)
    found, values = scored(made, X, lambda feeds: {"y": feeds["x"] @ noise}, dense)
    expected = [scipy.cosine(a, b) for a, b in zip(x, x @ noise, strict=True)]
    np.testing.assert_allclose(found.divergence, expected, atol=1e-6)
    assert values["cosine_to_dense"] == pytest.approx(1 - np.mean(expected), abs=1e-6)
    assert (own.divergence_kind, found.divergence_kind) == ("", "cosine")


WORDS = ["a", "b", "c", "d"]


def bag(feeds):
    """Token vectors that make a text a bag of words when they are pooled."""
    return {"y": np.eye(len(WORDS) + 1, dtype=np.float32)[feeds["input_ids"]]}


IDS = {"input_ids": "int64", "attention_mask": "int64"}


def test_texts_and_pairs_of_texts_go_through_the_tokenizer(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    rows = [{"one": "a b", "two": "c", "label": 1}, {"one": "a", "two": "d d d", "label": 0}]
    write_jsonl(tmp_path / "d.jsonl", rows)
    keys = {"task": "classification", "dataset": {"file": "d.jsonl"}, "max_length": 3}
    wanted = [spec("input_ids", "int64", "b", "s"), spec("token_type_ids", "int64", "b", "s")]
    one = next(task(tmp_path, tmp_path, **keys, text=["one"]).feeds(wanted))
    assert one.feeds["input_ids"].tolist() == [[1, 2], [1, 0]]
    pair = next(task(tmp_path, tmp_path, **keys, text=["one", "two"]).feeds(wanted))
    assert pair.feeds["input_ids"].shape == (2, 3), "cut at three tokens"
    assert pair.feeds["token_type_ids"][0].tolist() == [0, 0, 1]
    fixed = [spec("input_ids", "int64", 1, 4), spec("attention_mask", "int64", 1, 4)]
    batches = list(task(tmp_path, tmp_path, **keys, text=["one"]).feeds(fixed))
    assert [batch.feeds["attention_mask"].tolist() for batch in batches] == [[[1, 1, 0, 0]], [[1, 0, 0, 0]]]
    with pytest.raises(InputError, match="cannot feed the model's input 'pixels'"):
        next(task(tmp_path, tmp_path, **keys, text=["one"]).feeds([spec("pixels", "float32", 1)]))
    with pytest.raises(InputError, match="tokenizer"):
        task(tmp_path, None, **keys, text=["one"])


def test_a_text_that_is_missing_is_told_by_its_id(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    write_jsonl(tmp_path / "d.jsonl", [{"text": "a", "label": 1, "n": "x"}, {"text": None, "label": 0, "n": "y"}])
    made = task(tmp_path, tmp_path, task="classification", dataset={"file": "d.jsonl", "id": "n"}, text=["text"])
    with pytest.raises(InputError, match=r"'text' must hold texts[\s\S]*'y' it is missing"):
        next(made.feeds([spec("input_ids", "int64", "b", "s")]))


def test_similarity_is_the_cosine_of_bags_of_words(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    pairs = [("a b", "a"), ("c", "c c"), ("a", "d"), ("a b c", "b c d"), ("d d a", "d")]
    truth = [0.7, 1.0, 0.0, 0.6, 0.9]
    rows = [{"first": a, "second": b, "score": s} for (a, b), s in zip(pairs, truth, strict=True)]
    write_jsonl(tmp_path / "d.jsonl", rows)
    made = task(tmp_path, tmp_path, task="similarity", dataset={"file": "d.jsonl"}, batch=3, metrics=["pearson"])
    assert made.rows == 10
    count = lambda text: np.asarray([text.split().count(word) for word in WORDS], float)  # noqa: E731
    cosine = [count(a) @ count(b) / np.linalg.norm(count(a)) / np.linalg.norm(count(b)) for a, b in pairs]
    dense = answers_of(made, IDS, bag)
    found, values = scored(made, IDS, bag, dense)
    assert values["pearson"] == pytest.approx(np.corrcoef(cosine, truth)[0, 1], abs=1e-6)
    np.testing.assert_allclose(found.divergence, 0, atol=1e-6)


def test_token_classification_takes_the_first_token_of_each_word(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    rows = [
        {"tokens": ["a", "b-c", "d"], "tags": ["X", "Y", "O"]},  # three words, five tokens: the last is cut off
        {"tokens": ["d"], "tags": ["O"]},
        {"tokens": ["b"], "tags": ["Y"]},
    ]
    write_jsonl(tmp_path / "d.jsonl", rows)
    keys = {"task": "token-classification", "dataset": {"file": "d.jsonl"}, "classes": ["O", "X", "Y"]}
    made = task(tmp_path, tmp_path, **keys, batch=2, max_length=4, metrics=["token_accuracy"])

    def infer(feeds):
        answer = np.asarray([0, 1, 2, 1, 0])[feeds["input_ids"]]  # a is X, b is Y, c is X, d is O
        return {"y": np.eye(3, dtype=np.float32)[answer]}

    kept = answers_of(made, IDS, infer)
    chunks = list(made.chunks(kept))
    assert [list(tags) for chunk in chunks for tags in chunk.answers["tags"]] == [["X", "Y", "O"], ["O"], ["Y"]]
    found, values = scored(made, IDS, infer)
    assert values["token_accuracy"] == 1
    assert found.right.tolist() == [True] * 3
    assert made.label(int(found.answers[0])) == "X Y O"
    with pytest.raises(InvalidError, match="a score for each token and tag"):
        scored(made, IDS, lambda feeds: {"y": np.zeros((*feeds["input_ids"].shape, 4), np.float32)})
    for bad, told in (
        ({"tokens": ["a"], "tags": []}, "'1' has 1 words and 0 tags"),
        ({"tokens": ["a"], "tags": ["Z"]}, "'1' has the tag 'Z'"),
    ):
        write_jsonl(tmp_path / "d.jsonl", [rows[0], bad])
        with pytest.raises(InputError, match=told):
            scored(task(tmp_path, tmp_path, **keys), IDS, infer)


def retrieval_values(similarity, grades):
    """nDCG and reciprocal rank by plain loops, ties against oneself."""
    found = []
    for row, grade in zip(similarity, grades, strict=True):
        order = sorted(range(len(row)), key=lambda d: (-row[d], grade[d]))
        gains = [grade[d] / np.log2(place + 2) for place, d in enumerate(order[:10])]
        best = [g / np.log2(place + 2) for place, g in enumerate(sorted(grade, reverse=True)[:10])]
        rank = next(place for place, d in enumerate(order, 1) if grade[d] > 0)
        found.append((sum(gains) / sum(best), 1 / rank))
    return np.mean(found, axis=0)


def cosines(first, second):
    counts = [np.asarray([[t.split().count(w) for w in WORDS] for t in texts], float) for texts in (first, second)]
    a, b = (c / np.linalg.norm(c, axis=1, keepdims=True) for c in counts)
    return (a @ b.T).round(6)


def test_retrieval_by_judgements_is_a_plain_loops(tmp_path, monkeypatch):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    monkeypatch.setattr("xbench.quality.retrieval.CHUNK_NUMBERS", 20)  # two or three queries at a time
    texts = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(1, 5))) for _ in range(16)]
    queries, documents = texts[:7], texts[7:]
    grades = RANDOM.integers(0, 3, (7, 9))
    grades[:, 0] += 1
    write_jsonl(tmp_path / "q.jsonl", [{"id": f"q{n}", "query": t} for n, t in enumerate(queries)])
    write_jsonl(tmp_path / "d.jsonl", [{"id": n, "document": t} for n, t in enumerate(documents)])
    judged = [(q, d) for q in range(7) for d in range(9) if grades[q, d]]
    rows = [{"query_id": f"q{q}", "document_id": d, "grade": int(grades[q, d])} for q, d in judged]
    write_jsonl(tmp_path / "j.jsonl", rows)
    keys = {
        "task": "retrieval",
        "dataset": {"file": "q.jsonl", "id": "id"},
        "documents": {"file": "d.jsonl", "id": "id"},
        "judgements": {"file": "j.jsonl"},
        "batch": 4,
        "metrics": ["ndcg_at_10", "mrr"],
    }
    made = task(tmp_path, tmp_path, **keys)
    found, values = scored(made, IDS, bag)
    similarity = cosines(queries, documents)
    ndcg, rank = retrieval_values(similarity, grades)
    assert (values["ndcg_at_10"], values["mrr"]) == (pytest.approx(ndcg), pytest.approx(rank))
    assert len(list(made.chunks(answers_of(made, IDS, bag)))) == 4
    assert made.label(int(found.answers[0])) in {str(n) for n in range(9)}
    assert made.data.examples == 7
    before = made.data.sha256
    write_jsonl(tmp_path / "j.jsonl", rows[1:])
    assert task(tmp_path, tmp_path, **keys).data.sha256 != before, "judgements are part of the data"
    for bad, told in (
        ([*rows, {"query_id": "q0", "document_id": 99, "grade": 1}], "document '99'"),
        ([*rows, {"query_id": "q0", "document_id": 0, "grade": -1}], "twice|grade must be"),
        ([row for row in rows if row["query_id"] != "q3"], r"1 of 7 queries[\s\S]*'q3'"),
    ):
        write_jsonl(tmp_path / "j.jsonl", bad)
        with pytest.raises(InputError, match=told):
            task(tmp_path, tmp_path, **keys)


def test_pairs_whose_documents_are_the_same_text_share_it(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    pairs = [("a", "a a"), ("b", "a a"), ("c", "c d"), ("d", "c d")]
    write_jsonl(tmp_path / "d.jsonl", [{"query": q, "document": d} for q, d in pairs])
    made = task(tmp_path, tmp_path, task="retrieval", dataset={"file": "d.jsonl"}, metrics=["recall_at_1", "mrr"])
    assert made.rows == 4 + 2
    found, values = scored(made, IDS, bag)
    assert found.metrics["recall_at_1"].tolist() == [1, 0, 1, 1], "b is like none of them: a tie, which is lost"
    assert values["mrr"] == (1 + 1 / 2 + 1 + 1) / 4


def test_a_plug_in_is_given_outputs_and_targets(tmp_path, monkeypatch):
    class Overlap:
        name, better, span = "overlap", "higher", 1.0

        def scores(self, answers, targets):
            return (answers["mask"] == targets["truth"]).mean(axis=(1, 2))

        def value(self, scores, weights):
            return float(np.average(scores, weights=weights))

    monkeypatch.setattr("xbench.quality.sources.metrics_for", lambda task, names: {"overlap": Overlap()})
    image, truth = RANDOM.random((9, 4, 4)), RANDOM.integers(0, 2, (9, 4, 4))
    np.savez(tmp_path / "d.npz", image=image, truth=truth)
    made = task(tmp_path, task="plugin", dataset=FILE, metrics=["overlap"], targets=["truth"], batch=4)
    _, values = scored(made, {"image": "float32"}, lambda feeds: {"mask": (feeds["image"] > 0.5).astype(int)})
    assert values["overlap"] == pytest.approx(((image > 0.5) == truth).mean())
    with pytest.raises(InvalidError, match=r"row of the output 'mask'[\s\S]*\(2,\)"):
        scored(made, {"image": "float32"}, lambda feeds: {"mask": np.zeros(2)})


def test_targets_that_are_none_are_told_before_anything_is_run(tmp_path):
    rows = [{"x": [0.0], "target": value, "labels": label} for value, label in ((1.5, [0]), (None, [5]), (2, [1]))]
    write_jsonl(tmp_path / "d.jsonl", rows)
    data = {"dataset": {"file": "d.jsonl"}, "inputs": {"x": "x"}}
    with pytest.raises(InputError, match=r"'target' must hold a number[\s\S]*'1' it is 'None'"):
        task(tmp_path, task="regression", **data)
    with pytest.raises(InputError, match=r"'1' has the label '5'[\s\S]*0 to 1; a, b"):
        task(tmp_path, task="multi-label", classes=["a", "b"], **data)


def test_columns_without_labels_are_told(tmp_path):
    rows = [{"x": [0.0, 1.0], "label": label} for label in (0, None, 1)]
    write_jsonl(tmp_path / "d.jsonl", rows)
    with pytest.raises(InputError, match="label"):
        task(tmp_path, task="classification", dataset={"file": "d.jsonl"}, inputs={"x": "x"})


SHUFFLED = """
import random
made = random.Random(0)

def rows():
    numbers = list(range(50))
    if SHUFFLED:
        made.shuffle(numbers)
    return ({"x": [float(n)], "target": float(n)} for n in numbers)
"""


def test_an_iterator_that_shuffles_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    keys = {"task": "regression", "inputs": {"x": "x"}}
    for name, shuffled in (("plain_rows_d", False), ("shuffled_rows_d", True)):
        (tmp_path / f"{name}.py").write_text(f"SHUFFLED = {shuffled}\n{SHUFFLED}")
    made = task(tmp_path, trusted=True, dataset={"iterator": "plain_rows_d:rows"}, **keys)
    assert scored(made, X, identity)[1]["mae"] == 0
    with pytest.raises(InputError, match="not the same in each pass"):
        scored(task(tmp_path, trusted=True, dataset={"iterator": "shuffled_rows_d:rows"}, **keys), X, identity)


def test_data_that_change_while_they_are_read(tmp_path):
    write_csv(tmp_path / "d.csv", ["x", "target"], [[n, n] for n in range(9)])
    made = task(tmp_path, task="regression", dataset={"file": "d.csv"}, batch=4)
    write_csv(tmp_path / "d.csv", ["x", "target"], [[n, n] for n in range(7)])
    with pytest.raises((InputError, InvalidError), match=r"not the same|changed"):
        scored(made, X, identity)


def test_the_docstrings_have_slices_and_the_digest_that_recorded_runs_know(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer(tmp_path, WORDS)
    pairs = docstring_pairs()
    made = task(
        tmp_path,
        tmp_path,
        task="retrieval",
        dataset="docstrings",
        slices=[{"column": "module"}, {"name": "long", "where": "document_characters > 1000"}],
    )
    assert (made.data.sha256, made.data.examples, made.rows) == (pairs.sha256, 275, 550)
    masks = made.examples.slices
    assert int(masks["long"].sum()) == sum(len(text) > 1000 for text in pairs.documents)
    module = pairs.modules[0]
    assert int(masks[f"module={module}"].sum()) == pairs.modules.count(module)
    assert list(made.metrics)[:2] == ["recall_at_1", "mrr"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"task": "classification", "dataset": FILE, "input": "image"}, "input goes with the data set digits"),
        ({"task": "classification", "dataset": "digits", "text": ["a"]}, "go with data of your own"),
        ({"task": "regression", "dataset": FILE, "text": ["a"], "inputs": {"x": "x"}}, "either inputs"),
        ({"task": "embedding", "dataset": FILE}, "pooling mean and cls go with text"),
        ({"task": "similarity", "dataset": FILE, "text": ["a"]}, "at least 2"),
    ],
)
def test_keys_that_do_not_go_together(tmp_path, keys, told):
    with pytest.raises(ValidationError, match=told):
        task(tmp_path, **keys)


def test_a_schedule_has_no_floor_on_what_is_better_the_lower_it_is(tmp_path):
    pytest.importorskip("torch")
    np.savez(tmp_path / "d.npz", x=np.zeros((9, 2), np.float32), target=np.zeros(9))
    prune = {"method": "magnitude", "sparsity": 0.5, "schedule": {"floor": {"mae": 0.1}}}
    suite = Suite(
        schema="xbench.suite/1",
        name="s",
        model={"factory": "a:b", "inputs": {"x": {"shape": ["batch", 2]}}},
        variants=[{"name": "dense", "baseline": True}, {"name": "half", "prune": prune}],
        evaluate={"task": "regression", "dataset": FILE},
    )
    loaded = LoadedSuite(suite, tmp_path, "")
    made = task_of(loaded, trusted=False)
    assert made.sample_inputs == X, "the columns have the names of the model's inputs"
    with pytest.raises(InputError, match=r"half has a floor on mae, of which lower[\s\S]*r2"):
        open_workshop(loaded, made, artifacts=tmp_path, time_limit=1.0, trusted=False)
