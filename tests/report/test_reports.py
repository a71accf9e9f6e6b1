from __future__ import annotations

import io
import json
import math
import re

import pytest
from markdown_it import MarkdownIt
from records_by_hand import comparison, device, group, interval, quality, record, suite, summary, variant
from rich.console import Console

from xbench.records.comparison import CaseResult
from xbench.records.policy import GateRule, Policy
from xbench.report.data import as_data
from xbench.report.markdown import render
from xbench.report.rows import tables, three_figures
from xbench.report.terminal import render as render_terminal
from xbench.report.text import markdown, visible
from xbench.report.words import closing_lines, sentence
from xbench.road.concluding import conclude

NASTY = [
    "\x1b[31mred",
    "<script>alert(1)</script>",
    "a|b",
    "\u202egnp.exe",
    "[bold]x[/bold]",
    "`x` **y** [z](http://e)",
]
GATE = {"min_speedup": 1.5, "max_drop": {"accuracy": 0.05}}


def terminal(found, width=200):
    out = io.StringIO()
    render_terminal(found, Console(file=out, width=width, force_terminal=True, color_system="standard"))
    return out.getvalue()


def plain(text):
    """Without the colours that rich itself gives: the only escapes that may be there."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def cells(text):
    """The tables of a Markdown text as rows of cells, split at the bars that are not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def many():
    """One device that is here and one that is not; variants that worked, failed, and broke while timed."""
    names = ["pruned", "broken", "absent", *NASTY]
    found = [comparison(name) for name in ("pruned", *NASTY)]
    found.append(comparison("broken", verdict="invalid", speedup=None, reasons=("the worker <b>died</b>\x07",)))
    states = [variant("dense", baseline=True), *(variant(n, zeros=500) for n in names if n != "absent")]
    states.append(variant("absent", failure="no layer is called [red]x[/red]"))
    scored = [quality("dense", None), *(quality(name) for name in ("pruned", *NASTY))]
    devices = (device(), device("gpu", available=False))
    made = record(variants=states, groups=(group(found),), quality=scored, devices=devices)
    # A suite could not have such names (it refuses control characters), yet a record could.
    asked = suite(*(f"n{i}" for i in range(len(names))), gate=GATE)
    return conclude(made, asked), ["dense", *names]


def test_every_variant_has_a_row_whatever_became_of_it():
    found, names = many()
    table, absent = tables(found)
    assert sorted(row[0] for row in table.rows) == sorted(names)
    assert all(len(row) == len(table.columns) for row in table.rows)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["absent"]["verdict"] == "invalid"
    assert rows["absent"]["reason"] == "no layer is called [red]x[/red]"
    assert rows["broken"]["verdict"] == "invalid (invalid)"
    assert rows["broken"]["speedup (95 %)"] == rows["broken"]["p50 ms"] == "-"
    assert rows["dense"]["verdict"] == "baseline"
    assert rows["pruned"]["verdict"] == "pass (faster)"
    assert absent.rows == (("gpu", "unavailable", "no driver", "install one"),)


def test_figures_of_a_row():
    (table,) = tables(record())
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row == {
        "variant": "pruned",
        "sparsity": "50 % zero",
        "ideal speedup": "2.00x",
        "speedup (95 %)": "1.93x (1.90 to 1.96)",
        "by CPU time": "-",
        "p50 ms": "10.0",
        "samples/s": "100",
        "peak MiB": "100",
        "file MiB": "2.0",
        "accuracy (change)": "0.900 (-0.010)",
        "verdict": "faster",
        "reason": "interval 1.90x to 1.96x is above 1",
    }
    assert "baseline dense" in table.remarks[0]
    assert "noise floor (A/A) 0.6 %" in table.remarks[0]


@pytest.mark.parametrize(
    ("elements", "zeros", "told"),
    [(1000, 0, "0 % zero"), (750, 0, "25 % removed"), (500, 250, "50 % zero, 50 % removed"), (1200, 0, "20 % added")],
)
def test_sparsity_tells_zeroed_from_removed(elements, zeros, told):
    states = (variant("dense", baseline=True), variant("pruned", elements=elements, zeros=zeros))
    assert tables(record(variants=states))[0].rows[1][1] == told


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001234, "0.00123"), (1.2345, "1.23"), (99.96, "100"), (999.6, "1000"), (12345.6, "12346"), (0.0, "-")],
)
def test_figures_have_three_digits_and_no_exponent(value, text):
    assert three_figures(value) == text


@pytest.mark.parametrize("name", NASTY)
def test_text_from_files_is_neither_control_nor_markup(name):
    assert all(c.isprintable() for c in visible(name))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(name))
    assert re.sub(r"</?p>\n?", "", html).count("<") == 0, html


def test_markdown_holds_nothing_live_and_its_tables_are_whole():
    found, names = many()
    text = render(found)
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "<script" not in text.replace("\\<script", "")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    allowed = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= allowed
    assert html.count("<table>") == 3
    assert html.count("<tr>") == (1 + len(names)) + 2 + len(names), "figures, devices that are not here, the release"
    rows = cells(text)
    assert {len(row) for row in rows} == {12, 4, 6}
    assert text == render(found), "the same record gives the same text"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_gets_no_escapes_from_files_and_whole_figures(width):
    found, _ = many()
    text = plain(terminal(found, width))
    assert all(c.isprintable() or c == "\n" for c in text)
    if width == 200:
        assert "[bold]x[/bold]" in text, "markup is shown, not obeyed"
        assert "1.93x (1.90 to 1.96)" in text


def test_an_invalid_comparison_shows_no_speedup_anywhere():
    """Even where a record holds one."""
    bad = comparison(
        verdict="invalid", speedup=(7.77, 7.7, 7.8), reasons=("NaN",), cpu_time_speedup=interval(7.77, 7, 8)
    )
    found = conclude(record(groups=(group([bad]),)), suite(gate=GATE))
    assert "7.7" not in render(found)
    assert "7.7" not in terminal(found)
    assert "7.7" not in sentence(bad)
    assert "7.7" not in json.dumps(as_data(found)["comparisons"])
    assert sentence(bad) == "pruned against dense on cpu: INVALID: NaN"


def test_runs_that_did_not_end_say_so():
    going = record(status="running", groups=(group([comparison()], stopped=""),), quality=())
    assert "is not finished" in render(going)
    assert "not finished" in tables(going)[0].remarks[0]
    early = record(status="running", groups=(), quality=())
    assert {row[1] for row in tables(early)[0].rows} == {"not measured yet"}
    failed = record(status="failed", failure="the baseline <b>broke</b>", groups=(), quality=())
    assert closing_lines(failed) == ["The run 2026-01-01-hand failed: the baseline <b>broke</b>"]
    assert "<b>" not in render(failed).replace("\\<b", "")
    assert {row[1] for row in tables(failed)[0].rows} == {"not measured"}


def test_the_last_lines_name_what_may_ship_and_what_may_not():
    states = (variant("dense", baseline=True), variant("pruned"), variant("slow"), variant("lost", failure="no"))
    compared = [comparison(), comparison("slow", verdict="slower", speedup=(0.5, 0.49, 0.51))]
    devices = (device(), device("gpu", available=False))
    made = record(variants=states, groups=(group(compared),), quality=(), devices=devices)
    found = conclude(made, suite("pruned", "slow", "lost", gate={"min_speedup": 1.5}))
    assert closing_lines(found) == [
        "Gate: invalid.",
        "On cpu: may ship: pruned; may not: slow (fail), lost (invalid) (rules: 1 fail, 1 invalid, 1 pass).",
        "On gpu: not here, so there is no verdict.",
    ]
    nothing = conclude(record(devices=(device(available=False),), groups=(), quality=()), suite(gate=GATE))
    assert closing_lines(nothing) == ["None of the devices is here: nothing was measured, and nothing may ship."]
    ungated = conclude(record(), suite())
    assert closing_lines(ungated) == ["No gate was asked for: these are measurements, not a verdict on a release."]
    elsewhere = Policy(gates=(GateRule(gate="min_speedup", bound=1.5, hardware=("edge",)),))
    assert closing_lines(ungated.model_copy(update={"policy": elsewhere})) == [
        "No rule of the policy is held here: nothing was decided, and nothing may ship."
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            "pruned.onnx is 1.93x (1.90x to 1.96x) as fast as dense.onnx on cpu; "
            "outputs differ by at most 3.1e-06; noise floor 0.6 %",
        ),
        (
            {"verdict": "slower", "speedup": (0.52, 0.51, 0.53), "output_max_abs_difference": 0.0},
            "pruned.onnx is 0.52x (0.51x to 0.53x) as fast as dense.onnx on cpu; outputs are equal; noise floor 0.6 %",
        ),
        (
            {"verdict": "same", "speedup": (1.0, 0.99, 1.01), "output_max_abs_difference": None},
            "pruned.onnx is as fast as dense.onnx on cpu, 1.00x (0.99x to 1.01x); noise floor 0.6 %",
        ),
        (
            {
                "verdict": "inconclusive",
                "speedup": (1.01, 0.97, 1.05),
                "reasons": ("interval 0.97x to 1.05x is wide",),
            },
            "pruned.onnx against dense.onnx on cpu: inconclusive: interval 0.97x to 1.05x is wide; "
            "outputs differ by at most 3.1e-06; noise floor 0.6 %",
        ),
        (
            {"verdict": "inconclusive", "speedup": None, "reasons": ("process sets measured: 1",)},
            "pruned.onnx against dense.onnx on cpu: inconclusive: process sets measured: 1",
        ),
        (
            {"verdict": "invalid", "speedup": None, "reasons": ("the output holds NaN",)},
            "pruned.onnx against dense.onnx on cpu: INVALID: the output holds NaN",
        ),
        (
            {"speedup": (1.0912, 1.0908, 1.0916)},
            "pruned.onnx is 1.091x (1.091x to 1.092x) as fast as dense.onnx on cpu; "
            "outputs differ by at most 3.1e-06; noise floor 0.6 %",
        ),
        (
            {"simulated": True},
            "pruned.onnx is 1.93x (1.90x to 1.96x) as fast as dense.onnx on cpu (simulated); "
            "outputs differ by at most 3.1e-06; noise floor 0.6 %",
        ),
    ],
)
def test_the_sentence(change, words):
    assert sentence(comparison("pruned.onnx", baseline="dense.onnx", **change)) == words


def test_data_has_the_fields_of_the_design_with_units():
    found, _ = many()
    data = json.loads(json.dumps(as_data(found), allow_nan=False))
    assert re.fullmatch(r"[a-z.]+/\d+", data["schema"])
    assert {"fingerprint", "noise_floor", "comparisons", "verdicts", "exit_code", "outcome"} <= set(data)
    first = data["comparisons"][0]
    wanted = {"baseline", "candidate", "hardware", "workload", "verdict", "speedup", "ideal_speedup", "reasons"}
    assert wanted | {"measurements"} <= set(first)
    assert {"point", "low", "high", "confidence"} <= set(first["speedup"])
    assert set(first["measurements"]) == {"dense", "pruned"}
    units = ("_ms", "_mib", "_per_s", "_j", "_per_million_inferences", "_note")
    bare = {"samples", "processes", "unsettled_processes", "placement", "disturbance", "drift", "cold_start"}
    figures = set(first["measurements"]["pruned"])
    assert {name for name in figures if not name.endswith(units)} == bare
    assert {"latency_p50_ms", "peak_memory_mib"} <= figures


def test_data_holds_no_nan_whatever_the_record_holds():
    bad = comparison(output_max_abs_difference=math.inf, ideal_speedup=math.nan)
    case = CaseResult(variant="dense", hardware="cpu", workload="w", summary=summary(math.nan))
    found = record(groups=(group([bad], cases=(case,), noise_floor=math.nan),))
    text = json.dumps(as_data(found), allow_nan=False)
    assert json.loads(text)["noise_floor"] == {"cpu/w": None}
    render(found)


def test_an_ideal_speedup_that_is_not_known_is_explained():
    made = group([comparison(ideal_speedup=None)], ideal_notes={"pruned": "a Loop is not counted"})
    assert "ideal speedup of pruned not known: a Loop is not counted" in render(record(groups=(made,)))
