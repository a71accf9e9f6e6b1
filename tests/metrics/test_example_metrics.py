"""The metrics of the example package: against scikit-learn, and worked by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).resolve().parents[2] / "docs" / "metric_plugin" / "xbench_vision.py"
if not FILE.is_file():
    pytest.skip("the documents are not here: this runs in a checkout", allow_module_level=True)
_spec = importlib.util.spec_from_file_location("xbench_vision", FILE)
vision = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vision)

RNG = np.random.default_rng(3)


def test_mean_iou_is_scikit_learns_and_weights_are_counts():
    sk = pytest.importorskip("sklearn.metrics")
    logits, mask = RNG.normal(size=(6, 5, 7, 8)), RNG.integers(4, size=(6, 7, 8))
    mask[RNG.random(mask.shape) < 0.1] = vision.IGNORED
    one = vision.MeanIou()
    scores = one.scores({"out": logits}, {"mask": mask})
    assert scores.shape == (6, 10)
    for counts in (np.ones(6, int), np.array([2, 0, 1, 3, 0, 0])):
        true, taken = (np.repeat(a, counts, axis=0).ravel() for a in (mask, logits.argmax(axis=1)))
        seen = true != vision.IGNORED
        expected = sk.jaccard_score(true[seen], taken[seen], average="macro")
        assert one.value(scores, counts.astype(float)) == pytest.approx(expected)


def test_a_mask_that_does_not_fit_is_an_error():
    one, logits = vision.MeanIou(), np.zeros((1, 3, 2, 2))
    with pytest.raises(ValueError, match="classes from 0 to 3, and the model 3"):
        one.scores({"out": logits}, {"mask": np.array([[[0, 1], [2, 3]]])})
    with pytest.raises(ValueError, match=r"the mask has shape \(1, 2\)"):
        one.scores({"out": logits}, {"mask": np.zeros((1, 1, 2), int)})
    ignored = one.scores({"out": logits}, {"mask": np.full((1, 2, 2), vision.IGNORED)})
    with pytest.raises(ValueError, match="no pixel has a class"):
        one.value(ignored, np.ones(1))


def lists(*rows):
    column = np.empty(len(rows), dtype=object)
    column[:] = [list(row) for row in rows]
    return column


BOX, HALF, AWAY = [0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]


def detections(*rows):
    """Rows of (box, score, label) for one image each, all of one length."""
    columns = zip(*(zip(*row, strict=True) for row in rows), strict=True)
    return dict(zip(("boxes", "scores", "labels"), (np.asarray(column, float) for column in columns), strict=True))


def test_average_precision_by_hand():
    """Ranked: right, wrong (found before), right, wrong class, wrong place; three are true, so 1/3 * 1 + 1/3 * 2/3."""
    first = [(BOX, 0.9, 1), (HALF, 0.8, 1), (AWAY, 0.3, 1)]
    second = [(AWAY, 0.7, 2), (BOX, 0.6, 1), (BOX, 0.1, 2)]
    targets = {"true_boxes": lists([BOX], [AWAY, BOX]), "true_labels": lists([1], [2, 3])}
    one = vision.DetectionAp50()
    scores = one.scores(detections(first, second), targets)
    assert scores.shape == (2, 201)
    assert one.value(scores, np.ones(2)) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert one.value(scores, np.array([3.0, 0])) == 1.0
    doubled = np.vstack([scores, scores[1]])
    assert one.value(scores, np.array([1.0, 2])) == pytest.approx(one.value(doubled, np.ones(3)))


def test_an_overlap_of_one_half_finds_a_box_and_less_does_not():
    targets = {"true_boxes": lists([BOX]), "true_labels": lists([1])}
    one = vision.DetectionAp50()
    for box, expected in ((HALF, 1.0), ([0, 0, 10, 4.9], 0.0)):
        scores = one.scores(detections([(box, 0.5, 1)]), targets)
        assert one.value(scores, np.ones(1)) == expected


def test_boxes_of_equal_score_come_together_whatever_the_order_of_images():
    answers = detections([(BOX, 0.5, 1)], [(AWAY, 0.5, 1)])
    targets = {"true_boxes": lists([BOX], [BOX]), "true_labels": lists([1], [1])}
    one = vision.DetectionAp50()
    scores = one.scores(answers, targets)
    assert one.value(scores, np.ones(2)) == one.value(scores[::-1], np.ones(2)) == 0.25


def test_images_without_boxes():
    none = {"boxes": np.zeros((1, 0, 4)), "scores": np.zeros((1, 0)), "labels": np.zeros((1, 0))}
    one = vision.DetectionAp50()
    missed = one.scores(none, {"true_boxes": lists([BOX]), "true_labels": lists([1])})
    assert one.value(missed, np.ones(1)) == 0
    empty = one.scores(detections([(BOX, 0.5, 1)]), {"true_boxes": lists([]), "true_labels": lists([])})
    with pytest.raises(ValueError, match="no image has a true box"):
        one.value(empty, np.ones(1))
    assert one.value(np.vstack([missed, empty]), np.ones(2)) == 0
