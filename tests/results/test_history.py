"""Cases over many runs: which runs make a series, and what is found in it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from index_kit import MACHINE, hand_record

from xbench.records.fingerprint import Fingerprint
from xbench.results.history import histories
from xbench.results.rows import case_rows

BEGUN = datetime(2026, 1, 5, tzinfo=UTC)
BASE = case_rows(hand_record())


def week(number, speedup=2.0, *, accuracy=0.9, memory=50.0, p99=6.0, **changes):
    """The rows of a weekly run: dense (12 ms at p99, 100 MiB) and `pruned`; `changes` are of both rows."""
    begun = BEGUN + timedelta(weeks=number)
    shared = {"run": f"{begun:%Y%m%dT%H%M%SZ}-hand-{number:06x}", "created": begun.isoformat()}
    dense, pruned = BASE
    spread = {"speedup": speedup, "speedup_low": speedup * 0.99, "speedup_high": speedup * 1.01}
    figures = {**spread, "value": accuracy, "peak_memory_mib": memory, "latency_p99_ms": p99}
    own = {"latency_p50_ms": 10.0 + number, "peak_memory_mib": 100.0, "latency_p99_ms": 12.0}
    return [
        dense.model_copy(update={**own, **shared, **changes}),
        pruned.model_copy(update={**figures, **shared, **changes}),
    ]


def weeks(speedups, **more):
    return [row for number, speedup in enumerate(speedups) for row in week(number, speedup, **more)]


def scattered(count, step=0.0, at=0, creep=0.0, seed=3):
    logs = np.random.default_rng(seed).normal(0, 0.01, count) + np.where(np.arange(count) < at, 0, step)
    return 2.0 * np.exp(logs + creep * np.arange(count))


def of(found, quantity="speedup", variant="pruned"):
    (one,) = (q for case in found if case.variant == variant for q in case.quantities if q.quantity == quantity)
    return one


def test_a_step_is_told_with_its_run_and_what_changed_there():
    rows = weeks(scattered(20, step=-0.05, at=12))
    rows = [
        row.model_copy(update={"artifact_sha256": "new"}) if row.created >= week(12)[0].created else row
        for row in rows
    ]
    one = of(histories(rows))
    (step,) = one.steps
    assert step.run == week(12)[0].run
    assert step.changed == ("its file", "dense's file")
    assert step.change.low <= math.exp(-0.05) <= step.change.high < 1
    assert step.before.point == pytest.approx(2.0, rel=0.01)
    assert one.total == step.change
    assert one.adjusted_p < 0.05


def test_a_creep_of_one_per_cent_a_week_is_told_as_a_factor():
    one = of(histories(weeks(scattered(12, creep=-0.01))))
    assert one.creep.per_week.low <= math.exp(-0.01) <= one.creep.per_week.high < 1
    assert one.total.point == pytest.approx(math.exp(-0.11), rel=0.02)
    assert not one.steps


def test_no_change_is_no_change():
    found = histories(weeks(scattered(20)))
    assert all(not q.steps and q.creep is None and q.total is None for case in found for q in case.quantities)
    assert of(found).p_value > 0.05


def test_dense_takes_the_drift_of_the_machine_out():
    """All of it got twice as slow; the ratio did not."""
    rows = [row for n in range(20) for row in week(n, 2.0 + 0.001 * (n % 3), p99=6.0 * (1 + n))]
    drifting = [
        row.model_copy(update={"latency_p99_ms": 12.0 * (1 + index // 2)}) if row.baseline else row
        for index, row in enumerate(rows)
    ]
    found = histories(drifting)
    one = of(found, "latency_p99_ratio")
    assert {point.value for point in one.points} == {0.5}
    assert (one.p_value, one.total) == (1.0, None)
    (case,) = (case for case in found if case.variant == "pruned")
    assert case.dense_latency_p50_ms == (10.0, 29.0)


def test_memory_is_over_dense_of_the_same_run():
    rows = [row for n in range(20) for row in week(n, memory=(50.0 if n < 10 else 60.0) + 0.1 * (n % 4))]
    one = of(histories(rows), "peak_memory_ratio")
    assert one.points[0].value == 0.5
    assert [step.run for step in one.steps] == [week(10)[0].run]
    assert one.steps[0].change.point == pytest.approx(1.2, rel=0.01)


def test_each_change_of_quality_on_the_same_data_is_one():
    rows = [row for n in range(4) for row in week(n, accuracy=0.9 if n < 3 else 0.88)]
    one = of(histories(rows), "quality")
    assert [step.run for step in one.steps] == [week(3)[0].run]
    assert one.total.point == pytest.approx(-0.02)
    assert (one.p_value, one.adjusted_p, one.metric) == (None, None, "accuracy")


def test_other_data_are_another_series():
    rows = [*week(0, accuracy=0.9), *week(1, accuracy=0.5, dataset_sha256="other")]
    (case,) = (case for case in histories(rows) if case.variant == "pruned")
    quality = [q for q in case.quantities if q.quantity == "quality"]
    assert [len(q.points) for q in quality] == [1, 1]
    assert not any(q.steps for q in quality)


def test_another_machine_begins_another_series_that_says_why():
    newer = Fingerprint(**{**MACHINE.model_dump(), "libraries": {"onnxruntime": "2.0"}, "python": "3.12"})
    rows = [*weeks(scattered(10)), *(r for n in range(10, 12) for r in week(n, fingerprint_sha256=newer.sha256))]
    cases = [
        case for case in histories(rows, {MACHINE.sha256: MACHINE, newer.sha256: newer}) if case.variant == "pruned"
    ]
    assert [case.runs for case in cases] == [10, 2]
    assert cases[0].ended.startswith(week(10)[0].run)
    assert "python: '3.11' and '3.12'" in cases[0].ended
    assert cases[1].ended == ""
    assert "another fingerprint" in histories(rows)[0].ended, "without the fingerprints themselves"


@pytest.mark.parametrize(
    "other",
    [{"suite": "s"}, {"model": "m"}, {"hardware": "gpu"}, {"workload": "b8"}, {"batch": 8}, {"simulated": True}],
)
def test_what_is_not_alike_is_never_mixed(other):
    found = histories([*week(0), *week(1, **other)])
    assert [case.runs for case in found if case.variant == "pruned"] == [1, 1]


def test_a_run_that_is_not_complete_does_not_count():
    rows = [*week(0), *week(1, status="running"), *week(2, status="failed")]
    assert {case.runs for case in histories(rows)} == {1}
    assert histories(rows[2:]) == ()


def test_one_run_has_nothing_to_be_compared_with():
    found = histories(week(0))
    assert of(found).note.startswith("too few runs: 1")
    assert "one run" in of(found, "quality").note


def test_rows_come_in_any_order_and_figures_may_be_missing():
    rows = weeks([2.0, 2.1, 2.2])
    rows[3] = rows[3].model_copy(update={"speedup": None, "speedup_low": None, "speedup_high": None})
    one = of(histories(rows[::-1]))
    assert [point.value for point in one.points] == [2.0, 2.2]


def test_p_values_are_adjusted_over_all_that_is_looked_at():
    """The jump of one of forty variants is still told; a weak one that would be alone is not."""
    names = [f"v{number}" for number in range(40)]

    def family(step):
        rows = []
        for number, name in enumerate(names):
            for row in weeks(
                scattered(20, step=step if number == 0 else 0.0, at=10, seed=number), memory=None, p99=None
            ):
                if not row.baseline:
                    rows.append(row.model_copy(update={"variant": name, "value": None, "metric": ""}))
                elif number == 0:
                    rows.append(row)
        return rows

    found = histories(family(0.05))
    assert [case.variant for case in found if any(q.steps for q in case.quantities)] == ["v0"]
    weak = family(0.015)
    alone = of(histories(weak, variants=["v0"]), variant="v0")
    among = of(histories(weak), variant="v0")
    assert alone.adjusted_p == alone.p_value < 0.05 < among.adjusted_p
    assert among.total is None
