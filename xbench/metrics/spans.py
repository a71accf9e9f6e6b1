"""Metrics of token classification: spans of words, such as names, and single words.

Answers and targets are `tags`, (examples,): a list of tags for each, one for each word. Tags of spans are `O`, or
`B-`, `I-`, `E-` or `S-` and a type (IOB2, IOBES).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..protocols import Rows
from .shape import Array, ShippedMetric, ratio

TAGS = ("token-classification",)
_STARTS, _ENDS = ("B", "S"), ("E", "S")


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """Spans as (first word, word after the last, type), as conlleval and seqeval find them.

    A stray `I-` begins a span: after `O`, after the end of a span, and after one of another type. Raises ValueError
    for a tag that names no span.
    """
    found: set[tuple[int, int, str]] = set()
    start, before, kind = 0, "O", ""
    for place, tag in enumerate([*tags, "O"]):
        place_in, name = _parts(tag)
        goes_on = place_in not in _STARTS and before not in ("O", *_ENDS) and place_in != "O" and name == kind
        if not goes_on:
            if before != "O":
                found.add((start, place, kind))
            start = place
        before, kind = place_in, name
    return found


def _parts(tag: str) -> tuple[str, str]:
    if tag == "O":
        return "O", ""
    place, _, name = tag.partition("-")
    if place not in ("B", "I", "E", "S") or not name:
        raise ValueError(f"the tag {tag!r} is neither O nor B-TYPE, I-TYPE, E-TYPE or S-TYPE")
    return place, name


def _span_counts(answers: Rows, targets: Rows) -> Array:
    """(examples, 3): spans found rightly, spans found, and true spans."""
    pairs = [(spans(answer), spans(target)) for answer, target in _pairs(answers, targets)]
    rows = [(len(found & true), len(found), len(true)) for found, true in pairs]
    return np.asarray(rows, np.float64).reshape(-1, 3)


def _word_counts(answers: Rows, targets: Rows) -> Array:
    """(examples, 2): words tagged rightly, and words."""
    pairs = _pairs(answers, targets)
    rows = [(sum(a == t for a, t in zip(*pair, strict=True)), len(pair[0])) for pair in pairs]
    return np.asarray(rows, np.float64).reshape(-1, 2)


def _pairs(answers: Rows, targets: Rows) -> list[tuple[list[str], list[str]]]:
    pairs = [(list(a), list(t)) for a, t in zip(answers["tags"], targets["tags"], strict=True)]
    for answer, target in pairs:
        if len(answer) != len(target):
            raise ValueError(f"{len(answer)} tags for {len(target)} words")
    return pairs


def _span_f1(scores: Array, weights: Array) -> float:
    right, found, true = weights @ scores
    return ratio(2 * float(right), float(found + true), "F1 where no span is true or found")


def _word_share(scores: Array, weights: Array) -> float:
    right, words = weights @ scores
    return ratio(float(right), float(words), "the accuracy of no word")


METRICS = (
    ShippedMetric(
        "span_f1",
        TAGS,
        "higher",
        None,
        _span_counts,
        _span_f1,
        "F1 of whole spans with their types, all together",
        "conlleval; seqeval f1_score",
    ),
    ShippedMetric(
        "token_accuracy",
        TAGS,
        "higher",
        None,
        _word_counts,
        _word_share,
        "share of all words that are tagged rightly",
        "conlleval; seqeval accuracy_score",
    ),
)
