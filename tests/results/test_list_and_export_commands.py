"""`xbench results list` and `results export` as a user calls them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from index_kit import edit, hand_record, put, run_id

from xbench.store.case_rows import read_rows


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    put(folder, hand_record(0, outcome="pass"))
    put(folder, hand_record(30, names=("=1+1", "[red]x\x1b[31m"), speedup=1.5, verdict="same", outcome="fail"))
    return folder


@pytest.fixture
def xbench(tmp_path):
    def call(*arguments):
        command = [sys.executable, "-m", "xbench", "results", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert "\x1b" not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    return call


def test_runs_then_cases_then_what_fits(results, xbench):
    code, out, err = xbench("list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[2].split() == [run_id(0), "2026-01-01", "00:00", "hand", "complete", "pass", "2", "1"]
    assert lines[3].startswith(run_id(30))
    assert lines[-1] == "2 of 2 runs; 5 cases in all"
    assert xbench("list", "--since", "2026-01-02")[1].endswith("1 of 2 runs; 5 cases in all\n")
    _, out, _ = xbench("list", "--cases")
    assert "suite hand, model net, device cpu, workload w, metric accuracy" in out
    assert "1.93x (1.89 to 1.97)" in out
    assert "0.900 (-0.010)" in out
    assert "pass (faster)" in out
    assert "[red]x\\x1b[31m" in out
    assert out.endswith("5 of 5 cases\n")
    assert xbench("list", "--verdict", "fail", "--variant", "=*")[1].endswith("1 of 5 cases\n")
    assert xbench("list", "--variant", "none") == (0, "0 of 5 cases\n", "")
    assert xbench("list", "--output", "nowhere") == (0, "No runs in nowhere\n", "")


def test_runs_that_cannot_be_read_are_never_hidden(results, xbench):
    edit(put(results, hand_record(40), sealed=False), lambda data: data.update(schema="xbench.run/99"))
    _, out, _ = xbench("list")
    assert f"{run_id(40)}" in out
    assert "has the schema 'xbench.run/99'" in out
    code, out, err = xbench("list", "--cases")
    assert (code, err) == (0, "xbench: 1 run that cannot be read is left out: `xbench results list` says why\n")
    assert xbench("export", run_id(40), "--to", "a.csv")[0] == 2


def test_as_data_nothing_else_is_on_standard_output(results, xbench):
    runs = json.loads(xbench("list", "--json", "-")[1])
    assert runs["schema"] == "xbench.runs/1"
    assert [run["run"] for run in runs["runs"]] == [run_id(0), run_id(30)]
    cases = json.loads(xbench("list", "--cases", "--rebuild", "--json", "-")[1])
    assert (cases["schema"], len(cases["cases"])) == ("xbench.cases/1", 5)
    assert cases["cases"][1]["latency_p50_ms"] == 10


def test_a_damaged_index_is_told_on_standard_error(results, xbench):
    xbench("list")
    (results / ".index.sqlite").write_bytes(b"nothing of the kind" * 1000)
    code, out, err = xbench("list")
    assert (code, out.splitlines()[-1]) == (0, "2 of 2 runs; 5 cases in all")
    assert "made anew" in err
    assert xbench("list", "--rebuild")[2] == "xbench: index made anew: 2 runs\n"


def test_tables_for_other_programs(results, xbench, tmp_path):
    assert xbench("export", "--to", "all.csv") == (0, "5 of 5 cases: all.csv\n", "")
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert [row["variant"] for row in rows] == ["dense", "pruned", "dense", "'=1+1", "[red]x\\x1b[31m"]
    assert float(rows[1]["speedup_low"]) == pytest.approx(1.93 * 0.98)
    assert rows[0]["speedup"] == ""
    assert xbench("export", run_id(30), "--to", "one.json", "--verdict", "fail")[0] == 0
    found = read_rows(tmp_path / "one.json", (tmp_path / "one.json").read_bytes())
    assert [case.variant for case in found] == ["=1+1", "[red]x\x1b[31m"]


def test_parquet_is_typed(results, xbench, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert xbench("export", "last", "--to", "one.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "one.parquet")
    assert table.column("variant").to_pylist() == ["dense", "=1+1", "[red]x\x1b[31m"]
    assert str(table.schema.field("latency_p99_ms").type) == "double", "though none is known"
    assert str(table.schema.field("ships").type) == "bool"
    assert table.schema.metadata[b"schema"] == b"xbench.cases/1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "a.xlsx"), "known are .tar.gz, .csv"),
        (("--to", "a.csv", "--variant", "none"), "nothing was written"),
        (("--to", "no/a.csv"), "its folder does not exist"),
        (("--to", "there.csv"), "--force"),
        (("--to", "a.tar.gz"), "name the runs"),
        (("last", "--to", "a.tar.gz", "--variant", "x"), "whole runs"),
        (("nobody", "--to", "a.csv"), "called 'nobody'"),
        (("elsewhere/" + run_id(0), "--to", "a.csv"), "--output elsewhere"),
    ],
)
def test_what_cannot_be_exported(results, xbench, tmp_path, arguments, words):
    (tmp_path / "there.csv").write_text("mine")
    put(tmp_path / "elsewhere", hand_record(0))
    code, out, err = xbench("export", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) <= 3
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert not (tmp_path / "a.csv").exists()


def test_force_replaces(results, xbench, tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    assert xbench("export", "--to", "there.csv", "--force")[0] == 0
    assert (tmp_path / "there.csv").read_text().startswith("run,")


def test_listing_imports_nothing_heavy(results, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "xbench", "results", "list", "--cases"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    modules = {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "sqlite3" in modules
    assert not modules & {
        "torch",
        "transformers",
        "onnx",
        "onnxruntime",
        "pandas",
        "polars",
        "pyarrow",
        "scipy",
        "rich",
    }
