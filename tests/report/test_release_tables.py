"""What may ship where, as it is shown: the table, the lines of verdicts, waivers wherever a verdict is."""

from __future__ import annotations

import io
import json
import re
from datetime import date

from markdown_it import MarkdownIt
from records_by_hand import comparison, device, group, quality, record, suite, variant
from rich.console import Console

from xbench.records.comparison import GateVerdict, Sample
from xbench.records.estimate import Estimate
from xbench.records.policy import GateRule, Policy, Production, Waiver
from xbench.records.run_record import Look
from xbench.report.data import as_data
from xbench.report.markdown import render
from xbench.report.release import release_tables, verdict_lines
from xbench.report.rows import tables
from xbench.report.terminal import render as render_terminal
from xbench.report.words import closing_lines
from xbench.road.concluding import conclude

SLOW = (1.0, 0.9, 1.1)
SPEED = GateRule(gate="min_speedup", bound=1.5)
WAIVER = Waiver(gate="min_speedup", hardware="gpu", reason="the driver <b>is</b> old", who="Ada", until="2026-12-31")


def released(waivers=(), **more):
    groups = [
        group([comparison(hardware="cpu"), comparison("b", hardware="cpu", speedup=SLOW)], hardware="cpu"),
        group([comparison(hardware="gpu", speedup=SLOW)], hardware="gpu"),
    ]
    values = {
        "groups": groups,
        "devices": (device("cpu"), device("gpu"), device("npu", available=False)),
        "variants": (variant("dense", baseline=True), variant("pruned"), variant("b")),
        "policy": Policy(name="mobile", gates=(SPEED.model_copy(update={"variants": ("pruned",)}),), waivers=waivers),
        "policy_sha256": "a" * 64,
    }
    return conclude(record(**{**values, **more}), suite("pruned", "b"), on=date(2026, 6, 1))


def rows(found):
    return [table.rows for table in release_tables(found)]


def test_a_row_for_each_variant_and_device_that_is_here():
    assert rows(released()) == [
        (
            ("pruned", "cpu", "may ship", "1 pass", "min_speedup", ""),
            ("b", "cpu", "nothing decided", "-", "-", "no gate was asked for"),
            ("pruned", "gpu", "held", "1 fail", "min_speedup", "1.00x (0.90x to 1.10x) is below 1.5x"),
            ("b", "gpu", "nothing decided", "-", "-", "no gate was asked for"),
        )
    ]


def test_nothing_is_told_of_a_release_where_no_gate_is_asked_for():
    assert rows(record()) == []
    assert "Release" not in render(record())


def test_it_tells_the_policy_and_the_day_where_they_matter():
    (table,) = release_tables(released())
    assert table.remarks == ("policy: mobile, SHA-256 aaaaaaaaaaaa...",)
    (table,) = release_tables(released((WAIVER,)))
    assert table.remarks[1] == "waivers as of 2026-06-01"
    (table,) = release_tables(released(policy_sha256="", policy=Policy(gates=(SPEED,))))
    assert table.remarks == ()


def test_waivers_are_shown_wherever_the_verdict_is():
    found = released((WAIVER,))
    told = "waived by Ada until 2026-12-31: the driver <b>is</b> old"
    (release,) = rows(found)
    assert release[2] == ("pruned", "gpu", "may ship", "1 fail, 1 waived", "min_speedup", f"fail: min_speedup {told}")
    figures = next(table for table in tables(found) if table.title.startswith("gpu"))
    row = dict(zip(figures.columns, figures.rows[1], strict=True))
    assert row["verdict"] == "fail (faster; waived)"
    assert row["reason"] == f"1.00x (0.90x to 1.10x) is below 1.5x ({told})"
    assert [told in line for line in verdict_lines(found)] == [False, True]
    assert closing_lines(found)[0] == "Gate: fail, and all that did not pass is waived."
    assert "On gpu: may ship: pruned (fail, waived: min_speedup) (rules: 1 fail)." in closing_lines(found)
    (one,) = [one for one in as_data(found)["verdicts"] if one["waiver"]]
    assert one["waiver"]["who"] == "Ada"
    assert one["outcome"] == "fail"


def test_what_is_only_partly_waived_is_held_and_says_so():
    both = Policy(gates=(SPEED, GateRule(gate="max_drop", metric="accuracy", bound=0.001)), waivers=(WAIVER,))
    scored = [quality("dense", None, hardware="gpu"), quality(drop=(0.2, 0.1, 0.3), hardware="gpu")]
    found = released(policy=both, quality=scored)
    row = next(row for row in rows(found)[0] if row[:2] == ("pruned", "gpu"))
    assert row[2:5] == ("held", "2 fail, 1 waived", "max_drop.accuracy"), "what is waived holds nothing"
    assert "waived by Ada" in row[5]
    assert "accuracy drops by 0.200" in row[5]
    figures = next(table for table in tables(found) if table.title.startswith("gpu"))
    assert dict(zip(figures.columns, figures.rows[1], strict=True))["verdict"] == "fail (faster)"


def test_what_is_held_is_told_by_what_holds_it_and_not_by_a_worse_gate_that_is_waived():
    gates = (SPEED, GateRule(gate="max_drop", metric="accuracy", bound=0.05))
    found = released(
        policy=Policy(gates=gates, waivers=(WAIVER.model_copy(update={"hardware": "cpu"}),)),
        devices=(device("cpu"),),
        groups=[group([comparison(speedup=SLOW)], hardware="cpu")],
        variants=(variant("dense", baseline=True), variant("pruned")),
        quality=(quality("dense", None), quality(drop=(0.05, 0.04, 0.06))),
    )
    row = rows(found)[0][0]
    assert row[2:5] == ("held", "1 fail, 1 inconclusive, 1 waived", "max_drop.accuracy")
    assert "fail: min_speedup waived by Ada" in row[5]
    assert "accuracy drops by 0.050 (0.040 to 0.060), around 0.05" in row[5]
    assert "may not: pruned (inconclusive)" in " ".join(closing_lines(found))
    assert found.exit_code == 3


def test_the_version_in_production_and_older_references_are_named():
    policy = Policy(
        gates=(GateRule(gate="min_speedup", bound=1.5, against="production"),), production=(Production(variant="b"),)
    )
    found = released(policy=policy)
    assert ("b", "cpu", "nothing decided", "-", "-", "it is the version in production") in rows(found)[0]
    old = found.verdicts[0].model_copy(update={"historical": True, "reference": "v1", "outcome": "pass"})
    shown = rows(found.model_copy(update={"verdicts": (old,)}))[0]
    assert shown[0][5] == "historical: v1 was measured in another run"


def lined(**more):
    values = {
        "variant": "pruned",
        "hardware": "cpu",
        "workload": "w",
        "gate": "max_latency_p99_ms",
        "bound": 15.0,
        "outcome": "pass",
        "reason": "as it is",
    }
    return list(verdict_lines(record(verdicts=(GateVerdict(**{**values, **more}),))))


def test_a_line_tells_how_surely_it_holds_and_the_sample_that_decided():
    here = Sample(files=("a", "b"), sha256="0123456789abcdef" * 4, count=2, units="process sets")
    there = Sample(files=("c",), sha256="f" * 64, count=1200, units="examples", run="an-older-run")
    estimate = Estimate(point=12, low=11, high=13, confidence=0.95, method="by hand")
    (line,) = lined(unit="ms", confidence=0.975, looks_allowed=3, estimate=estimate, samples=(here, there))
    assert line == (
        "pruned on cpu, w: max_latency_p99_ms 15 ms: pass: as it is [12.000 ms (11.000 to 13.000), two-sided at 95 %, "
        "by hand; one-sided at 97.5 % over 3 looks; decided on 2 process sets in 2 files, SHA-256 0123456789ab...; "
        "decided on 1,200 examples in 1 file, SHA-256 ffffffffffff... of the run an-older-run]"
    )


def test_older_verdicts_have_a_line_too():
    assert lined() == ["pruned on cpu, w: max_latency_p99_ms 15: pass: as it is"]
    assert lined(workload="", slice="lang=de")[0].startswith("pruned on cpu: max_latency_p99_ms 15 (slice lang=de)")


def test_text_of_a_policy_is_neither_markup_nor_control():
    nasty = WAIVER.model_copy(update={"who": "\x1b[31m<i>Bo</i>|", "reason": "[red]`x`[/red]\u202e"})
    found = released((nasty,), policy_sha256="a" * 64)
    for details in (False, True):
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(render(found, details))
        assert set(re.findall(r"</?([a-z0-9]+)", html)) <= {
            "h2",
            "h3",
            "p",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        }
        out = io.StringIO()
        render_terminal(found, Console(file=out, width=400, force_terminal=False), details)
        assert all(c.isprintable() or c == "\n" for c in out.getvalue())
        assert "[red]`x`[/red]" in out.getvalue(), "markup is shown, not obeyed"


def test_looks_at_a_group_are_told_beside_it():
    ended = Look(
        variants=("b",), budget_seconds=60, precision=0.01, first_set=6, sets=14, seconds=60, stopped="budget"
    )
    going = Look(variants=("b", "pruned"), budget_seconds=60, precision=0.005, first_set=14, sets=14)
    remarks = tables(record(groups=(group([comparison()], looks=(ended, going)),)))[0].remarks
    assert remarks[1:3] == (
        "measured again for its gates, look 2: b: 8 process sets more in 60 s, stopped at the end of its budget",
        "measured again for its gates, look 3: b, pruned: not finished",
    )


def test_details_have_the_lines_and_data_the_decisions():
    found = released((WAIVER,))
    line = next(verdict_lines(found))
    assert line.split(":")[0] in render(found, details=True)
    assert "two-sided" not in render(found)
    data = json.loads(json.dumps(as_data(found), allow_nan=False))
    assert [(one["hardware"], one["ships"]) for one in data["decisions"]] == [("cpu", True), ("gpu", True)]
    assert (data["policy"]["name"], data["policy_sha256"], data["decided_on"]) == ("mobile", "a" * 64, "2026-06-01")


def test_what_is_not_finished_may_not_ship_yet():
    """Whoever stops a run when its figures please has not decided anything."""
    found = released()
    assert rows(found.model_copy(update={"status": "running"}))[0][0][2] == "not yet"
