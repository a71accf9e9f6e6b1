"""Metrics for xbench: mean intersection over union of segmentations, and average precision of detected boxes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xbench.protocols import Rows

IGNORED = 255
"""Pixels of this class are not looked at, as in Pascal VOC and Cityscapes."""

SLOTS = 100
"""The most probable boxes of an image that count, as in COCO."""

OVERLAP = 0.5
"""Intersection over union from which on a box is found."""


class MeanIou:
    """Intersection over union of each class, over the pixels of all images, averaged over the classes.

    The model's first output is (images, classes, height, width), the higher the likelier; the column `mask` is
    (images, height, width), the number of each pixel's class.
    """

    name = "mean_iou"
    tasks = ("plugin",)
    better: Literal["higher", "lower"] = "higher"
    span: float | None = None

    def scores(self, answers: Rows, targets: Rows) -> NDArray[np.float64]:
        """(images, 2 classes): pixels of each class that are in both, and in either."""
        maps = next(iter(answers.values()))
        rows = [self._counts(image, np.asarray(mask)) for image, mask in zip(maps, targets["mask"], strict=True)]
        return np.asarray(rows, np.float64)

    def value(self, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """The mean over the classes that any pixel is, or is taken for."""
        both, either = np.split(weights @ scores, 2)
        occurs = either > 0
        if not occurs.any():
            raise ValueError("no pixel has a class")
        return float((both[occurs] / either[occurs]).mean())

    @staticmethod
    def _counts(image: NDArray[np.floating], mask: NDArray[np.integer]) -> NDArray[np.intp]:
        classes = len(image)
        if mask.shape != image.shape[1:]:
            raise ValueError(f"the mask has shape {mask.shape}, and the output {image.shape[1:]}")
        seen = mask != IGNORED
        true, taken = mask[seen], image.argmax(axis=0)[seen]
        if true.size and not 0 <= true.min() <= true.max() < classes:
            raise ValueError(f"the mask has classes from {true.min()} to {true.max()}, and the model {classes}")
        both = np.bincount(true[true == taken], minlength=classes)
        either = np.bincount(true, minlength=classes) + np.bincount(taken, minlength=classes) - both
        return np.concatenate([both, either])


class DetectionAp50:
    """Average precision of boxes that overlap a true one by half, those of all classes ranked together.

    The outputs are `boxes` (images, n, 4) as left, top, right, bottom, `scores` (images, n) from 0 to 1, and `labels`
    (images, n). The columns `true_boxes` and `true_labels` hold a list for each image. A true box is found once, by
    the likeliest box of its class; precision is interpolated, as Pascal VOC does from 2010 on.
    """

    name = "detection_ap50"
    tasks = ("plugin",)
    better: Literal["higher", "lower"] = "higher"
    span: float | None = None

    def scores(self, answers: Rows, targets: Rows) -> NDArray[np.float64]:
        """(images, 201): the scores of the 100 likeliest boxes, whether each is right, and how many are true.

        The count of boxes differs from batch to batch, and k must not: what is missing has the score -1.
        """
        found = (answers["boxes"], answers["scores"], answers["labels"])
        rows = zip(*found, targets["true_boxes"], targets["true_labels"], strict=True)
        return np.asarray([self._judged(*map(np.asarray, row)) for row in rows], np.float64)

    def value(self, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """Area under the curve of interpolated precision over recall. Boxes of equal score come together."""
        true = float(weights @ scores[:, -1])
        if true == 0:
            raise ValueError("no image has a true box")
        likely, right = scores[:, :SLOTS].ravel(), scores[:, SLOTS:-1].ravel()
        order = np.argsort(-likely, kind="stable")
        order = order[likely[order] >= 0]
        often = np.repeat(weights, SLOTS)[order]
        hits, boxes = (often * right[order]).cumsum(), often.cumsum()
        last = np.diff(likely[order], append=-1.0) != 0
        hits, boxes = hits[last & (boxes > 0)], boxes[last & (boxes > 0)]
        best = np.maximum.accumulate((hits / boxes)[::-1])[::-1]
        return float(best @ np.diff(hits, prepend=0.0)) / true

    @staticmethod
    def _judged(
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        labels: NDArray[np.integer],
        true_boxes: NDArray[np.floating],
        true_labels: NDArray[np.integer],
    ) -> NDArray[np.float64]:
        if scores.size and not 0 <= scores.min() <= scores.max() <= 1:
            raise ValueError(f"scores lie between {scores.min()} and {scores.max()}, not between 0 and 1")
        row = np.concatenate([np.full(SLOTS, -1.0), np.zeros(SLOTS), [len(true_labels)]])
        free = np.ones(len(true_labels), dtype=bool)
        for slot, index in enumerate(np.argsort(-scores, kind="stable")[:SLOTS]):
            row[slot] = scores[index]
            candidates = free & (true_labels == labels[index])
            overlaps = np.where(candidates, overlap(boxes[index], true_boxes.reshape(-1, 4)), 0.0)
            if overlaps.max(initial=0.0) >= OVERLAP:
                free[overlaps.argmax()] = False
                row[SLOTS + slot] = 1.0
        return row


def overlap(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of a box, (4,), and each of others, (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    either = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - both
    return np.asarray(both / np.maximum(either, np.finfo(np.float64).tiny))
