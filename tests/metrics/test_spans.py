"""Spans are found as conlleval and seqeval find them."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.metrics.choosing import metric
from xbench.metrics.spans import spans

# True tags, answered tags, F1 by seqeval 1.2.2 (`f1_score`, its default mode), tags that are equal.
TABLE = [
    ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC", 1.0, 4),
    ("B-PER I-PER O", "B-PER O O", 0.0, 2),
    ("O B-PER I-PER", "O I-PER I-PER", 1.0, 2),
    ("B-LOC I-LOC O", "B-LOC I-PER O", 0.0, 2),
    ("B-LOC B-LOC O", "B-LOC I-LOC O", 0.0, 2),
    ("B-PER I-PER I-PER", "I-LOC I-PER B-PER", 0.0, 1),
    ("B-MISC I-MISC E-MISC S-LOC", "B-MISC I-MISC I-MISC S-LOC", 1.0, 3),
    ("S-PER S-PER B-ORG E-ORG", "S-PER I-PER E-PER E-ORG", 1 / 3, 2),
]
TOGETHER = 0.42857142857142855, 0.6666666666666666


def column(texts):
    tags = np.empty(len(texts), dtype=object)
    tags[:] = [text.split() for text in texts]
    return {"tags": tags}


def test_the_table_of_seqeval():
    true, answered, f1, equal = zip(*TABLE, strict=True)
    span_f1, accuracy = metric("span_f1"), metric("token_accuracy")
    counts, words = (one.scores(column(answered), column(true)) for one in (span_f1, accuracy))
    ones = np.ones(1)
    assert [span_f1.value(row[None], ones) for row in counts] == pytest.approx(list(f1))
    assert words.tolist() == [[e, len(t.split())] for e, t in zip(equal, true, strict=True)]
    everything = np.ones(len(TABLE))
    assert (span_f1.value(counts, everything), accuracy.value(words, everything)) == pytest.approx(TOGETHER)
    twice = np.where(np.arange(len(TABLE)) == 4, 2.0, 1.0)
    doubled = np.vstack([counts, counts[4]])
    assert span_f1.value(counts, twice) == span_f1.value(doubled, np.ones(len(doubled)))


def test_the_example_of_conlleval():
    """https://www.clips.uantwerpen.be/conll2000/chunking/output.html: 459 phrases, 539 found, 371 correct."""
    assert round(100 * metric("span_f1").value(np.array([[371.0, 539, 459]]), np.ones(1)), 2) == 74.35


def test_a_stray_tag_begins_a_span():
    assert spans(["O", "I-PER", "I-PER", "I-LOC", "O"]) == {(1, 3, "PER"), (3, 4, "LOC")}
    assert spans(["S-PER", "I-PER", "B-PER", "B-PER"]) == {(0, 1, "PER"), (1, 2, "PER"), (2, 3, "PER"), (3, 4, "PER")}


@pytest.mark.parametrize("tag", ["PER", "B-", "X-PER", "", "I"])
def test_a_tag_that_names_no_span_is_an_error(tag):
    with pytest.raises(ValueError, match="is neither O nor"):
        spans(["O", tag])


def test_answers_of_another_length_and_no_span_at_all_are_errors():
    for name in ("span_f1", "token_accuracy"):
        with pytest.raises(ValueError, match="2 tags for 3 words"):
            metric(name).scores(column(["O O"]), column(["O O O"]))
    nothing = metric("span_f1").scores(column(["O O"]), column(["O O"]))
    with pytest.raises(ValueError, match="is not defined"):
        metric("span_f1").value(nothing, np.ones(1))
