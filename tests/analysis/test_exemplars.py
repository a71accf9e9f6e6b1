"""Examples that the dense models agree on and a pruned one loses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from quality_kit import Mean, answered, facts

from xbench.analysis.exemplars import all_exemplars
from xbench.analysis.quality import QualityOptions, quality_result

LABELS = np.asarray([0, 1, 2, 0, 1, 2])
DENSE = answered("dense", [0, 1, 2, 0, 1, 0], LABELS, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
PRUNED = answered("pruned", [0, 2, 1, 1, 0, 1], LABELS, [0.9, 0.4, np.nan, 0.3, 0.3, 0.3])
HALF = answered("half", [1, 1, 2, 2, 1, 2], LABELS)


def ids(found):
    return [one.index for one in found]


def test_those_that_most_variants_lose_come_first_then_the_surest():
    found = all_exemplars(PRUNED, DENSE, None, others=[HALF])
    assert ids(found) == [3, 1, 2, 4]
    assert [one.lost_by for one in found] == [2, 1, 1, 1]
    assert ids(all_exemplars(PRUNED, DENSE, None, others=[PRUNED])) == [1, 2, 3, 4], "itself is no other"


def test_all_dense_models_must_agree():
    fp16 = answered("dense@fp16", [0, 1, 0, 0, 1, 2], LABELS)
    assert ids(all_exemplars(PRUNED, DENSE, None, dense=[fp16, DENSE])) == [1, 3, 4]
    alike = dataclasses.replace(fp16, answers=fp16.answers + 10)
    assert not all_exemplars(PRUNED, DENSE, None, dense=[alike]), "two right answers that differ are no agreement"


def test_other_data_and_models_without_answers_are_left_out():
    elsewhere = answered("fp16", [9] * 6, LABELS, digest="e" * 64)
    silent = dataclasses.replace(HALF, answers=None, right=None)
    found = all_exemplars(PRUNED, DENSE, None, dense=[elsewhere, silent], others=[elsewhere, silent])
    assert found == all_exemplars(PRUNED, DENSE, None)
    assert not all_exemplars(silent, DENSE, None)
    assert not all_exemplars(PRUNED, silent, None)


def test_an_example_that_could_not_be_scored_is_not_lost():
    broken = answered("pruned", PRUNED.answers, LABELS, failed={3: "NaN"})
    assert 3 not in ids(all_exemplars(broken, DENSE, None))
    base = answered("dense", DENSE.answers, LABELS, failed={1: "NaN"})
    assert 1 not in ids(all_exemplars(PRUNED, base, None))


def test_what_is_told_of_one():
    names = ("zero", "one", "two")
    examples = facts(6, LABELS, names, even=np.arange(6) % 2 == 0, all=np.ones(6))
    one, two, *_ = all_exemplars(PRUNED, DENSE, examples, label=lambda code: names[code])
    assert (one.id, one.label, one.dense, one.answer, one.slices) == ("e1", "one", "one", "two", ("all",))
    assert (one.dense_confidence, one.confidence) == (0.8, 0.4)
    assert (two.confidence, two.slices) == (None, ("even", "all"))
    (bare, *_) = all_exemplars(PRUNED, DENSE, None)
    assert (bare.id, bare.label, bare.slices) == ("1", "1", ()), "the right answer, where no class is known"


@pytest.mark.parametrize("count", [5, 50])
def test_the_record_holds_the_first_twenty_and_how_many_there_are(count):
    dense, pruned = answered("dense", [1] * count, [1] * count), answered("pruned", [0] * count, [1] * count)
    found = quality_result(pruned, dense, facts(count), {"accuracy": Mean()}, QualityOptions())
    assert (len(found.exemplars), found.exemplar_count) == (min(count, 20), count)
    assert found.exemplars == all_exemplars(pruned, dense, facts(count))[:20]
