"""What is told of quality: the table, alarms, what pays, exemplars, plans, and text out of the data."""

from __future__ import annotations

import io
import json
import re

import pytest
from markdown_it import MarkdownIt
from records_by_hand import (
    baseline_quality,
    comparison,
    exemplar,
    group,
    interval,
    part,
    quality,
    record,
    untested,
    variant,
    whole_quality,
)
from rich.console import Console

from xbench.records.quality import DataFacts, Divergence, ExampleError, MetricResult, QualityPlan
from xbench.report.data import as_data
from xbench.report.figures import figure, p_text, percent, with_interval
from xbench.report.markdown import render
from xbench.report.quality import quality_tables
from xbench.report.rows import tables
from xbench.report.terminal import render as render_terminal

NASTY = "\x1b[31m<b>x</b>|[bold]\u202e`y`\n# z"
LATER = ("half", "more")


def of(*results, **changes):
    """A run of the baseline and these candidates."""
    names = [result.variant for result in results]
    states = (variant("dense", baseline=True), *(variant(name) for name in names))
    groups = (group([comparison(name) for name in names]),)
    return record(variants=states, groups=groups, quality=(baseline_quality(), *results), **changes)


def lines(found, details=False):
    """The remarks of the device's first table of quality."""
    return list(next(iter(quality_tables(found, "cpu", details))).remarks)


def terminal(found, width=100, details=False):
    out = io.StringIO()
    render_terminal(found, Console(file=out, width=width, force_terminal=True, color_system="standard"), details)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_a_row_of_figures_for_each_variant():
    (table,) = quality_tables(of(whole_quality()), "cpu")
    assert table.columns == ("variant", "accuracy (95 %)", "drop (90 %)", "flips", "agree", "KL")
    assert table.rows == (
        ("dense", "0.535 (0.476 to 0.593)", "baseline", "-", "-", "-"),
        ("pruned", "0.535 (0.476 to 0.593)", "0.040 (-0.004 to 0.084)", "31/12/20", "88.3 %", "0.012"),
    )
    assert "flips: right to wrong/wrong to right/wrong to another wrong" in table.remarks[0]
    assert "in nats" in table.remarks[0]


def test_records_of_scores_alone_have_no_such_table():
    assert list(quality_tables(record(), "cpu")) == []
    assert len(tables(record())) == 1


def test_a_task_without_answers_has_no_column_of_flips():
    moved = Divergence(kind="cosine", mean=0.002, interval=interval(0.002, 0.001, 0.003), p99=0.01, examples=540)
    (table,) = quality_tables(of(whole_quality(flips=None, divergence=moved)), "cpu")
    assert table.columns == ("variant", "accuracy (95 %)", "drop (90 %)", "1 - cosine")
    assert table.rows[1][-1] == "0.0020"
    assert "no flips: the task has no answers that are right or wrong" in table.remarks[0]


def test_it_is_one_table_in_100_columns():
    text = terminal(of(*(whole_quality(name) for name in ("unstructured-50", "half-removed"))))
    row = next(line for line in text.splitlines() if "half-removed" in line and "31/12/20" in line)
    assert row.count("│") == 7
    assert "0.040 (-0.004 to 0.084)" in row


def test_alarms_are_told_with_the_worst_first_and_calm_variants_together():
    bad = whole_quality("bad", slices=(part("b", "slice", 0.9, 0.02), part("8", value=0.71, p=0.00001), part("1")))
    calm = [whole_quality(name, slices=(part("8", value=0.97), untested("none"))) for name in LATER]
    told = lines(of(bad, *calm))
    assert told[1:] == [
        "alarm, bad: class 8 (accuracy 0.980 -> 0.710, 54 examples), adjusted p < 0.0001 (Holm), flips 15/0/1",
        "alarm, bad: slice b (accuracy 0.980 -> 0.900, 54 examples), adjusted p 0.020 (Holm), flips 15/0/1",
        "half, more: no slice or class of 1 is worse than chance would have it (Holm)",
        "pays most, bad: class 8 (accuracy 0.980 -> 0.710, 54 examples), class 1 (accuracy 0.980 -> 0.710, "
        "54 examples), slice b (accuracy 0.980 -> 0.900, 54 examples)",
        "pays most, half, more: class 8 (accuracy 0.980 -> 0.970, 54 examples); all of it may be chance",
        "slice none: 3 examples are too few for an alarm: it takes 5",
    ]


def test_many_alarms_and_slices_without_figures_are_counted_and_whole_with_details():
    many = [part(str(i), value=0.5 + i / 100, p=0.01) for i in range(9)]
    found = of(whole_quality(slices=(*many, *(untested(f"s{i}") for i in range(8)))))
    told = lines(found)
    assert sum(line.startswith("alarm, pruned: class") for line in told) == 5
    assert "alarm, pruned: 4 more; all of them: --details" in told
    assert "3 more slices and classes were not tested; all of them: --details" in told
    whole = lines(found, details=True)
    assert sum(line.startswith("alarm") for line in whole) == 9
    every = next(table for table in quality_tables(found, "cpu", details=True) if "Slices" in table.title)
    assert len(every.rows) == 17


def test_the_share_of_right_answers_takes_the_place_of_a_metric_that_means_nothing_for_a_class():
    found = of(whole_quality(slices=(part("8", metric="right"),)))
    assert "class 8 (share of right answers 0.980 -> 0.710" in lines(found)[2]


def test_the_first_exemplars_and_how_to_have_all_of_them():
    lost = tuple(exemplar(i) for i in range(20))
    found = of(whole_quality(exemplars=lost, exemplar_count=49))
    told, how = lines(found)[-2:]
    assert told.startswith(
        "lost by pruned: 49 examples that dense answers rightly: img-0 (label 8, dense 8, here 3);"
    )
    assert told.count("label") == 5
    assert told.endswith("and 44 more")
    assert how == f"all of these examples: `xbench report {found.id} --exemplars FILE.csv`"
    every = list(quality_tables(found, "cpu", details=True))[-1]
    assert len(every.rows) == 20
    assert every.remarks == ("pruned: the first 20 of 49",)


def test_what_could_not_be_scored_is_told_where_the_figure_is():
    errors = tuple(ExampleError(index=i, id=f"img-{i}", reason="no number") for i in range(4))
    found = of(whole_quality(errors=errors, error_count=30), whole_quality("gone", failure="NaN", metrics=()))
    assert tables(found)[0].rows[1][-3] == "0.535 (-0.040), 30 failed"
    told = lines(found)
    assert (
        "error, pruned: 30 examples could not be scored and are left out: img-0 (no number); img-1 (no number); "
        "img-2 (no number); and 27 more"
    ) in told
    assert "gone: no quality: NaN" in told
    assert "gone" in [row[0] for row in next(quality_tables(found, "cpu")).rows]


def test_where_nothing_could_be_scored_the_reasons_are_told():
    failed = [whole_quality(name, failure="NaN in <x>", metrics=()) for name in ("dense", "pruned")]
    text = render(record(quality=tuple(failed)))
    assert "No quality of dense on cpu: NaN in \\<x\\>" in text
    assert "Quality: cpu" not in text


def test_the_change_of_a_metric_that_is_better_when_lower_has_its_own_sign():
    worse = MetricResult(metric="mae", value=1.2, examples=9, better="lower", drop=interval(0.2, 0.1, 0.3, 0.9))
    found = record(quality=(quality().model_copy(update={"metrics": (worse,)}),))
    assert "1.200 (+0.200)" in tables(found)[0].rows[1]


def test_data_plans_and_a_recorded_baseline_are_told():
    data = DataFacts(source="file.csv", sha256="0123456789abcdef" * 4, examples=5400, version="v3")
    common = {"bound": 0.01, "examples": 5400, "expected_change": 0.05}
    plans = (
        QualityPlan(gate="a", decidable=False, text="a: cannot be shown", **common),
        QualityPlan(gate="b", decidable=True, needed=9000, text="b: needs 9,000", **common),
        QualityPlan(gate="c", decidable=True, needed=3000, text="c: needs 3,000", **common),
    )
    found = of(whole_quality(), data=data, quality_plan=plans)
    text = terminal(found, 200)
    assert "Data: file.csv, version v3, 5,400 examples, SHA-256 0123456789ab..." in text
    assert "Too few examples: a: cannot be shown" in text
    assert "Plan: b: needs 9,000" in text
    assert "c: needs" not in text
    assert "c: needs" in terminal(found, 200, details=True)
    reused = found.model_copy(update={"quality": (baseline_quality(reused="run-1"), whole_quality())})
    assert "dense: not scored again: from the recorded baseline run-1" in lines(reused)


@pytest.mark.parametrize("details", [False, True])
def test_text_out_of_the_data_is_neither_control_nor_markup(details):
    hostile = whole_quality(
        slices=(part(NASTY, "slice", p=0.01), part(NASTY), untested(NASTY, NASTY)),
        exemplars=(exemplar(0, NASTY, label=NASTY, dense=NASTY, answer=NASTY, slices=(NASTY,)),),
        exemplar_count=1,
        errors=(ExampleError(index=0, id=NASTY, reason=NASTY),),
        error_count=1,
    )
    named = hostile.metrics[0].model_copy(update={"metric": NASTY, "note": NASTY})
    hostile = hostile.model_copy(update={"metrics": (named, *hostile.metrics[1:])})
    plan = QualityPlan(gate="g", bound=0.1, examples=5, expected_change=0.1, decidable=False, text=NASTY)
    data = DataFacts(source=NASTY, sha256="0" * 64, examples=5, version=NASTY)
    found = record(quality=(hostile,), data=data, quality_plan=(plan,))
    for width in (60, 100, 300):
        assert all(c.isprintable() or c == "\n" for c in terminal(found, width, details))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(render(found, details))
    allowed = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= allowed
    for block in render(found, details).split("\n\n"):
        rows = [re.split(r"(?<!\\)\|", line) for line in block.splitlines() if line.startswith("|")]
        assert len({len(row) for row in rows}) <= 1, "no text adds a column"


def test_data_names_units_and_holds_everything():
    found = of(whole_quality(slices=(part("8"),), exemplars=(exemplar(0),), exemplar_count=1))
    data = json.loads(json.dumps(as_data(found), allow_nan=False))
    result = data["quality"][1]
    assert result["divergence"]["mean_nats"] == 0.0123
    assert result["divergence"]["interval_nats"]["high"] == 0.015
    assert result["divergence"]["p99_nats"] == 0.3
    assert result["flips"]["right_to_wrong"] == 31
    assert result["slices"][0]["adjusted_p"] == 0.4
    assert result["exemplars"][0]["id"] == "img-0"
    assert data["data"] is None
    assert data["quality_plan"] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (figure(0.5351), "0.535"),
        (figure(123.456), "123.5"),
        (figure(12345.6), "12346"),
        (figure(0.00042), "0.00042"),
        (figure(-0.00001, 0.05), "0.000"),
        (with_interval(0.5, None), "0.500"),
        (with_interval(0.0012, interval(0.0012, -0.0004, 0.0034)), "0.0012 (-0.0004 to 0.0034)"),
        (with_interval(None, None), "-"),
        (with_interval(float("nan"), None), "-"),
        (p_text(0.0), "< 0.0001"),
        (p_text(0.04), "0.040"),
        (p_text(0.00031), "0.0003"),
        (percent(0.9999), "> 99.9 %"),
        (percent(1.0), "100.0 %"),
    ],
)
def test_figures_in_words(text, wanted):
    assert text == wanted
