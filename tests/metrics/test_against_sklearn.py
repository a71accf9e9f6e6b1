"""Each metric is what scikit-learn (or scipy) computes; a weight is as good as standing there so many times."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pytest
import scipy.stats

from xbench.metrics.choosing import metric

sk = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(7)
SIZE = 300


def one_class(classes):
    target = RNG.integers(classes, size=SIZE)
    raw = RNG.random((SIZE, classes)).round(2) + 0.01
    raw[np.arange(SIZE), target] += 0.4
    # Rounded, so that equal probabilities occur; no power of a class is tied at the top.
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return {"probabilities": probabilities, "answer": probabilities.argmax(axis=1)}, {"target": target}


def several(labels):
    target = (RNG.random((SIZE, labels)) < 0.3).astype(np.int64)
    probabilities = np.clip(0.3 * target + RNG.random((SIZE, labels)).round(2) * 0.7, 0, 1)
    return {"probabilities": probabilities, "answer": (probabilities >= 0.5).astype(np.int64)}, {"target": target}


def numbers(outputs):
    target = RNG.normal(5, 2, (SIZE, outputs)).round(1)
    return {"prediction": (target + RNG.normal(0.3, 1, target.shape)).round(1)}, {"target": target}


def answered(function, **options):
    return lambda answers, targets: function(targets["target"], answers["answer"], **options)


def probable(function, **options):
    return lambda answers, targets: function(targets["target"], answers["probabilities"], **options)


def predicted(function, **options):
    return lambda answers, targets: function(targets["target"], answers["prediction"], **options)


def related(function):
    return lambda answers, targets: np.mean(
        [function(*pair).statistic for pair in zip(answers["prediction"].T, targets["target"].T, strict=True)]
    )


def second(function):
    return lambda answers, targets: function(targets["target"], answers["probabilities"][:, 1])


FEW, TWO, LABELS = (functools.partial(one_class, 7), functools.partial(one_class, 2), functools.partial(several, 4))
ONE_NUMBER, THREE_NUMBERS = functools.partial(numbers, 1), functools.partial(numbers, 3)
CASES = [
    ("accuracy", FEW, answered(sk.accuracy_score)),
    ("balanced_accuracy", FEW, answered(sk.balanced_accuracy_score)),
    ("f1_macro", FEW, answered(sk.f1_score, average="macro")),
    ("f1_micro", FEW, answered(sk.f1_score, average="micro")),
    ("f1_weighted", FEW, answered(sk.f1_score, average="weighted")),
    ("matthews_corrcoef", FEW, answered(sk.matthews_corrcoef)),
    ("matthews_corrcoef", TWO, answered(sk.matthews_corrcoef)),
    ("log_loss", FEW, probable(sk.log_loss, labels=range(7))),
    ("roc_auc", FEW, probable(sk.roc_auc_score, multi_class="ovr", labels=range(7))),
    ("roc_auc", TWO, second(sk.roc_auc_score)),
    ("average_precision", FEW, probable(sk.average_precision_score)),
    ("average_precision", TWO, second(sk.average_precision_score)),
    ("f1_macro", LABELS, answered(sk.f1_score, average="macro", zero_division=np.nan)),
    ("f1_micro", LABELS, answered(sk.f1_score, average="micro")),
    ("f1_weighted", LABELS, answered(sk.f1_score, average="weighted")),
    ("hamming_loss", LABELS, answered(sk.hamming_loss)),
    ("exact_match", LABELS, answered(sk.accuracy_score)),
    ("roc_auc", LABELS, probable(sk.roc_auc_score)),
    ("average_precision", LABELS, probable(sk.average_precision_score)),
    *(
        (name, kind, reference)
        for kind in (ONE_NUMBER, THREE_NUMBERS)
        for name, reference in (
            ("mae", predicted(sk.mean_absolute_error)),
            ("mse", predicted(sk.mean_squared_error)),
            ("rmse", predicted(sk.root_mean_squared_error)),
            ("median_absolute_error", predicted(sk.median_absolute_error)),
            ("r2", predicted(sk.r2_score)),
            ("pearson", related(scipy.stats.pearsonr)),
            ("spearman", related(scipy.stats.spearmanr)),
        )
    ),
]
NAMES = [f"{name}-{kind.func.__name__}-{kind.args[0]}" for name, kind, _ in CASES]


@pytest.mark.parametrize(("name", "kind", "reference"), CASES, ids=NAMES)
def test_it_is_the_reference_and_weights_are_counts(name, kind, reference):
    one, (answers, targets) = metric(name), kind()
    scores = one.scores(answers, targets)
    assert one.value(scores, np.ones(SIZE)) == pytest.approx(reference(answers, targets), rel=1e-9)
    counts = RNG.multinomial(SIZE, np.full(SIZE, 1 / SIZE))
    rows = np.repeat(np.arange(SIZE), counts)
    resampled = ({name: column[rows] for name, column in table.items()} for table in (answers, targets))
    assert one.value(scores, counts.astype(float)) == pytest.approx(reference(*resampled), rel=1e-9)


@pytest.mark.parametrize(("name", "kind"), [case[:2] for case in CASES], ids=NAMES)
def test_examples_are_scored_alike_one_by_one_and_together(name, kind):
    one, (answers, targets) = metric(name), kind()
    together = one.scores(answers, targets)
    assert together.dtype == np.float64
    assert together.shape[0] == SIZE
    assert (together.ndim == 1) == (one.span is not None)
    alone = [one.scores(*({k: v[i : i + 1] for k, v in rows.items()} for rows in (answers, targets))) for i in (0, 9)]
    np.testing.assert_array_equal(np.concatenate(alone), together[[0, 9]])


def test_the_right_class_among_the_best_is_found_and_a_tie_is_not_in_its_favour():
    answers, targets = one_class(7)
    noise = RNG.random((SIZE, 7)) * 1e-9
    answers["probabilities"] = answers["probabilities"] + noise
    mine = metric("top_3_accuracy")
    expected = sk.top_k_accuracy_score(targets["target"], answers["probabilities"], k=3, labels=range(7))
    assert mine.scores(answers, targets).mean() == pytest.approx(expected, abs=1e-12)
    tied = {"probabilities": np.array([[0.4, 0.3, 0.3]])}
    assert mine_is(metric("top_2_accuracy"), tied, [2]) == 0
    assert mine_is(metric("top_2_accuracy"), tied, [0]) == 1
    with pytest.raises(ValueError, match="more than 3 classes, and there are 3"):
        mine.scores(tied, {"target": np.array([0])})


def mine_is(one, answers, target):
    return one.scores(answers, {"target": np.asarray(target)})[0]


@pytest.mark.skipif(
    "scale_by_half" not in inspect.signature(sk.brier_score_loss).parameters,
    reason="this scikit-learn has the Brier score of two classes alone",
)
def test_brier_is_scikit_learns_without_its_half():
    for classes in (2, 5):
        answers, targets = one_class(classes)
        truth = np.eye(classes)[targets["target"]]
        expected = np.square(answers["probabilities"] - truth).sum(axis=1)
        np.testing.assert_allclose(metric("brier").scores(answers, targets), expected, atol=1e-12)
        theirs = sk.brier_score_loss(
            targets["target"], answers["probabilities"], labels=range(classes), scale_by_half=False
        )
        assert expected.mean() == pytest.approx(theirs, rel=1e-9)
    worst = {"probabilities": np.array([[1.0, 0.0, 0.0]])}
    assert mine_is(metric("brier"), worst, [2]) == 2.0 == metric("brier").span


def test_log_loss_of_an_impossible_class_is_large_and_finite():
    sure, target = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1, 0])
    mine = metric("log_loss").scores({"probabilities": sure}, {"target": target})
    assert mine.mean() == pytest.approx(sk.log_loss(target, sure))
    assert mine[0] > 36


def test_a_class_that_is_counted_no_time_is_as_good_as_not_there():
    """Else a resample without a rare class would pull the mean over classes down."""
    target, answer = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    counts = np.array([2.0, 1, 1, 3, 0])
    rows = np.repeat(np.arange(5), counts.astype(int))
    for name, reference in (
        ("f1_macro", functools.partial(sk.f1_score, average="macro")),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("matthews_corrcoef", sk.matthews_corrcoef),
    ):
        one = metric(name)
        scores = one.scores({"answer": answer}, {"target": target})
        assert one.value(scores, counts) == pytest.approx(reference(target[rows], answer[rows])), name


def test_calibration_error_by_hand_and_by_its_definition():
    """Guo et al. 2017, equations 2 to 5: bin m of 15 holds confidences in ((m - 1) / 15, m / 15]."""
    ece = metric("ece")
    by_hand = np.array([[0.95, 1], [0.97, 0], [0.5, 1], [0.52, 1], [0.0, 0]])
    assert ece.value(by_hand, np.ones(5)) == pytest.approx((0.92 + 0.98) / 5)
    # 2/15 and what is just above it do not lie in one bin: their gaps, +0.87 and -0.13, do not cancel.
    edge = np.array([[2 / 15, 1], [2 / 15 + 1e-9, 0]])
    assert ece.value(edge, np.ones(2)) == pytest.approx(0.5, abs=1e-8)
    scores = np.column_stack([RNG.random(SIZE), RNG.integers(2, size=SIZE)])
    weights = RNG.integers(4, size=SIZE).astype(float)
    expected = 0.0
    for m in range(15):
        inside = (scores[:, 0] > m / 15) & (scores[:, 0] <= (m + 1) / 15) & (weights > 0)
        if inside.any():
            confidence, right = np.average(scores[inside], axis=0, weights=weights[inside])
            expected += weights[inside].sum() / weights.sum() * abs(right - confidence)
    assert ece.value(scores, weights) == pytest.approx(expected)


CLASS = {"probabilities": np.array([[0.9, 0.1], [0.2, 0.8]]), "answer": np.array([0, 1])}
SAME = {"target": np.array([1, 1])}
FLAT = ({"prediction": np.array([[1.0], [2.0]])}, {"target": np.array([[3.0], [3.0]])})
UNDEFINED = {
    "roc_auc": (CLASS, SAME),
    "average_precision": (CLASS, {"target": np.array([0, 0])}),
    "matthews_corrcoef": (CLASS, SAME),
    "r2": FLAT,
    "pearson": FLAT,
    "spearman": FLAT,
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_is_not_defined_is_no_number(name):
    one = metric(name)
    with pytest.raises(ValueError, match="is not defined"):
        one.value(one.scores(*UNDEFINED[name]), np.ones(2))


@pytest.mark.parametrize(("name", "kind"), [case[:2] for case in CASES], ids=NAMES)
def test_no_example_has_no_value(name, kind):
    one = metric(name)
    scores = one.scores(*kind())
    for some in (scores, scores[:0]):
        with pytest.raises(ValueError, match="not defined"):
            one.value(some, np.zeros(len(some)))


def test_predictions_of_another_shape_are_not_spread_over_the_truth():
    with pytest.raises(ValueError, match=r"\(2, 1\), and true values \(2, 3\)"):
        metric("mae").scores({"prediction": np.zeros((2, 1))}, {"target": np.zeros((2, 3))})


def test_an_example_without_a_right_class_is_an_error():
    for name in ("accuracy", "brier", "f1_macro", "roc_auc"):
        with pytest.raises(ValueError, match="no class is right"):
            metric(name).scores(CLASS, {"target": np.array([0, -1])})


def test_cosine_to_dense():
    mine, dense = np.array([[3.0, 4], [0, 2], [1, 0], [0, 0]]), np.array([[6.0, 8], [5, 0], [-2, 0], [1, 1]])
    scores = metric("cosine_to_dense").scores({"embedding": mine, "dense": dense}, {})
    np.testing.assert_allclose(scores, [1, 0, -1, np.nan], atol=1e-15)
