"""Where the time is: by operator, dense against pruned."""

from __future__ import annotations

import io
import json
import re

import pytest
from markdown_it import MarkdownIt
from records_by_hand import comparison, group, record, variant
from rich.console import Console
from road.road_kit import in_this_process, journey, write_suite

from xbench.cli.reporting import report_run
from xbench.machine.fingerprint import fingerprint
from xbench.records.measurement import OperatorTime
from xbench.report.data import as_data
from xbench.report.markdown import render
from xbench.report.operators import operator_tables, without_operators
from xbench.report.terminal import render as render_terminal
from xbench.store.folder import RunFolder

CPU = "CPUExecutionProvider"
SECTION = "Where the time is"
NASTY = "\x1b[31m<b>|[bold]\u202e"


def times(provider=CPU, **milliseconds):
    """A node each, but for a number of nodes that is given beside its time."""
    pairs = {name: value if isinstance(value, tuple) else (value, 1) for name, value in milliseconds.items()}
    return tuple(
        OperatorTime(operator=name, provider=provider, nodes=nodes, time_ms=ms) for name, (ms, nodes) in pairs.items()
    )


def recorded(operators, *candidates, speedup=None, **more):
    """A run of `dense` and these candidates on `cpu`."""
    found = [comparison(name, speedup=speedup and (speedup, speedup, speedup)) for name in candidates]
    states = (variant("dense", baseline=True), *(variant(name) for name in candidates))
    groups = (group(found, operators=operators, **more),)
    return record(variants=states, groups=groups, quality=())


def kept(folder, found):
    """A run's folder, with this record and a whole fingerprint."""
    folder = folder / "20260101T000000Z-hand-abc"
    folder.mkdir()
    RunFolder(folder).save(found.model_copy(update={"fingerprint": fingerprint()}))
    return folder


def rows(found):
    (table,) = operator_tables(found)
    return {name: cells for name, *cells in table.rows}


def terminal(found, width=200):
    out = io.StringIO()
    render_terminal(found, Console(file=out, width=width, force_terminal=True, color_system="standard"), True)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_times_stand_side_by_side_with_the_speedup_where_they_can_tell_one():
    found = recorded(
        {"pruned": times(MatMul=3.21, Relu=0.1, Cast=0.0), "dense": times(MatMul=6.195, Relu=(0.1, 6), Cast=0.0)},
        "pruned",
        speedup=1.9,
    )
    (table,) = operator_tables(found)
    assert table.columns == ("operator", "dense ms", "pruned ms")
    assert rows(found) == {
        "MatMul": ["6.20", "3.21 (1.93x)"],
        "Relu": ["0.100", "0.100"],  # 17 us a node: rounding alone could make a difference of 6 %
        "Cast": ["<0.001", "<0.001"],
        "all": ["6.29", "3.31 (1.90x)"],
    }


@pytest.mark.parametrize(("timed", "shown"), [(2.0, True), (1.7, True), (1.5, False), (2.6, False)])
def test_profiles_that_do_not_add_up_to_what_was_timed_tell_no_speedup(timed, shown):
    found = recorded({"dense": times(MatMul=4.0), "pruned": times(MatMul=2.0)}, "pruned", speedup=timed)
    (table,) = operator_tables(found)
    assert table.rows[0] == ("MatMul", "4.00", "2.00 (2.00x)" if shown else "2.00")
    told = f"no speedups of pruned: by the sum of its kernel times it is 2.00x as fast, and timed it is {timed:.2f}x"
    assert any(line.startswith(told) for line in table.remarks) == (not shown)


def test_operators_of_one_side_only_are_shown_on_their_side():
    found = recorded({"dense": times(MatMul=4.0, Add=1.0), "fused": times(FusedMatMul=2.0)}, "fused")
    assert rows(found) == {
        "MatMul": ["4.00", "none"],
        "FusedMatMul": ["none", "2.00"],
        "Add": ["1.00", "none"],
        "all": ["5.00", "2.00 (2.50x)"],
    }


def test_the_six_longest_have_rows_and_the_rest_share_one():
    many = times(**{f"Op{i}": 8.0 - i for i in range(8)})
    found = rows(recorded({"dense": many, "pruned": many[:7]}, "pruned"))
    assert list(found) == [*(f"Op{i}" for i in range(6)), "others (2)", "all"]
    assert found["others (2)"] == ["3.00", "2.00 (1.50x)"]
    assert found["all"] == ["36.0", "35.0 (1.03x)"]


def test_providers_are_told_apart_where_there_are_two():
    operators = {"dense": times("XP", Conv=4.0), "pruned": times("XP", Conv=1.0) + times(CPU, Conv=3.0)}
    assert rows(recorded(operators, "pruned")) == {
        "Conv on XP": ["4.00", "1.00 (4.00x)"],
        f"Conv on {CPU}": ["none", "3.00"],
        "all": ["4.00", "4.00 (1.00x)"],
    }


def test_a_variant_that_failed_has_no_column():
    operators = {name: times(MatMul=1.0) for name in ("dense", "pruned", "died", "refuted")}
    bad = comparison("refuted", verdict="invalid", speedup=None, reasons=("NaN",))
    states = [variant(name, baseline=name == "dense") for name in operators]
    groups = [group([comparison(), bad], operators=operators, failures={"died": "exit status 9"})]
    (table,) = operator_tables(record(variants=states, groups=groups))
    assert table.columns == ("operator", "dense ms", "pruned ms")
    (dead,) = (one.model_copy(update={"failures": {"dense": "NaN"}}) for one in groups)
    assert operator_tables(record(variants=states, groups=[dead])) == []


@pytest.mark.parametrize("width", [60, 200])
def test_names_are_neither_control_nor_markup(width):
    found = recorded({"dense": times(**{NASTY: 2.0}), NASTY: times(**{NASTY: 1.0})}, NASTY)
    text = render(found, True)
    assert all(c.isprintable() or c == "\n" for c in text)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert html.split("<h3>")[-1].count("<tr>") == 3
    shown = terminal(found, width)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert "1.00 (2.00x)" in shown
    assert all(len(line) <= width for line in shown.splitlines())


def test_with_many_variants_no_figure_is_cut():
    names = [f"a-candidate-with-a-long-name-{i}" for i in range(6)]
    shown = terminal(recorded({name: times(MatMul=12.34) for name in ("dense", *names)}, *names), 80)
    assert shown.count("12.3 (1.00x)") == 2 * len(names)


def test_shown_when_asked_for_and_always_in_the_data(tmp_path, capsys):
    found = recorded({"dense": times(MatMul=2.0), "pruned": times(MatMul=1.0)}, "pruned")
    folder = kept(tmp_path, found)
    for form, asked in (("markdown", True), ("terminal", True), ("markdown", False), ("terminal", False)):
        report_run(str(folder), tmp_path, form, asked)
        assert (SECTION in capsys.readouterr().out) == asked
    report_run(str(folder), tmp_path, "json", False)
    data = json.loads(capsys.readouterr().out)["operators"]
    one = {"operator": "MatMul", "provider": CPU, "nodes": 1, "time_ms": 2.0}
    assert data == {"cpu/w": {"dense": [one], "pruned": [{**one, "time_ms": 1.0}]}}


def test_a_record_of_the_first_schema_has_no_section_and_says_so(tmp_path):
    folder = kept(tmp_path, recorded({}, "pruned"))
    data = json.loads((folder / "run.json").read_text())
    data["schema"] = "xbench.run/1"
    del data["groups"][0]["operators"]
    (folder / "run.json").write_text(json.dumps(data))
    found = RunFolder(folder).load()
    for text in (render(found, True), terminal(found)):
        assert SECTION not in text
        assert "There are no times by operator on cpu, workload w" in text
    assert as_data(found)["operators"] == {"cpu/w": {}}
    assert without_operators(recorded({}, "pruned", failures={"dense": "it died"})) == [], "that is told elsewhere"


def test_a_run_records_what_was_profiled_of_each_variant(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    shares = {"dense": {"MatMul": 0.9, "Relu": 0.1}, "pruned": {"MatMul": 0.5, "Relu": 0.5}, "unknown": {}}
    lengths = {"dense": 2000, "pruned": 1000, "unknown": 1000}
    scripts = {name: {"latency_us": lengths[name], "operators": share} for name, share in shares.items()}
    found, folder = journey(write_suite(tmp_path, scripts, measure={"precision": 0.5, "budget": 0.2}))
    assert {name: [t.operator for t in of] for name, of in found.groups[0].operators.items()} == {
        "dense": ["MatMul", "Relu"],
        "pruned": ["MatMul", "Relu"],
    }
    assert rows(found)["MatMul"] == ["1.80", "0.500 (3.60x)"]
    assert "SIMULATED" in operator_tables(found)[0].title
    assert operator_tables(folder.load()) == operator_tables(found)
