"""Gates on quality where some examples could not be scored, or a metric is not defined."""

from __future__ import annotations

import pytest
from records_by_hand import quality

from xbench.gate.deciding import decide_quality
from xbench.records.quality import ExampleError
from xbench.suite.model import GateSpec

ERRORS = tuple(ExampleError(index=number, id=f"row-{number}", reason="the metric raised") for number in (7, 9))


def decided(bound, drop, errors=0, note="", metric="accuracy"):
    result = quality(drop=drop).model_copy(update={"errors": ERRORS[:errors], "error_count": errors})
    only = result.metrics[0].model_copy(update={"note": note})
    (found,) = decide_quality(GateSpec(max_drop={metric: bound}), result.model_copy(update={"metrics": (only,)}))
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("drop", "without", "outcome"),
    [
        ((0.01, -0.02, 0.05), "pass", "inconclusive"),
        ((0.1, 0.051, 0.15), "fail", "fail"),
        ((0.05, 0.0, 0.1), "inconclusive", "inconclusive"),
    ],
)
def test_with_examples_that_could_not_be_scored_nothing_passes(drop, without, outcome):
    assert decided(0.05, drop)[0] == without
    assert decided(0.05, drop, errors=2)[0] == outcome


def test_it_says_how_many_and_names_the_first():
    assert decided(0.05, (0.01, -0.02, 0.05), errors=2)[1].endswith(
        "at most 0.05; but 2 examples could not be scored: the first, row-7, the metric raised"
    )
    assert decided(0.05, (0.01, -0.02, 0.05), errors=1)[1].endswith(
        "but 1 example could not be scored: row-7, the metric raised"
    )


def test_a_metric_that_is_not_defined_is_invalid_with_its_reason():
    note = "spearman has no drop: all numbers are equal"
    assert decided(0.05, None, note=note) == ("invalid", note)
    assert decided(0.05, None) == ("invalid", "accuracy was not measured")
    assert decided(0.05, (0, 0, 0), metric="mrr") == ("invalid", "mrr was not measured")


def test_too_few_examples_say_so_in_any_unit():
    """How many would do is the same whether a length is told in metres or in kilometres."""
    told = [decided(bound, (0.0, -2 * bound, 2 * bound))[1].partition(": ")[2] for bound in (0.01, 10.0)]
    assert told[0] == told[1]
    assert told[0].startswith("not enough data: 500 examples do not decide it; with no true drop, some 4,5")
