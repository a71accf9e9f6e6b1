"""The figures of docs/quality-statistics.md are what results/quality_statistics.json says; and the benchmark runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks/quality_statistics.py"
if not SCRIPT.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def started(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=300)


def test_the_tables_are_what_was_recorded():
    done = started("--page", "--check")
    assert done.returncode == 0, f"{done.stderr}\nwrite them again: python benchmarks/quality_statistics.py --page"


def test_a_trial_writes_every_section(tmp_path):
    done = started("--quick", "--json", tmp_path / "rows.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    sections = ("accuracy", "shares", "means", "others", "detected", "gates", "alarms")
    assert all(rows[section] for section in sections)


def test_a_trial_is_not_kept_as_the_figures():
    done = started("--quick")
    assert done.returncode == 2
    assert "--json" in done.stderr


def test_what_is_recorded_keeps_its_promise():
    """Of the recorded figures themselves: by how much intervals and corrections may miss at single truths."""
    rows = json.loads((ROOT / "results/quality_statistics.json").read_text())
    below = [row["below"] for row in rows["accuracy"]] + [row["drop"]["below"] for row in rows["means"]]
    assert max(below) <= 0.09
    assert sum(below) / len(below) <= 0.055
    assert max(row["drop"]["below"] for row in rows["others"]) <= 0.13
    assert all(row["holm"]["any_false"] <= 0.05 for row in rows["alarms"])
    assert all(row["benjamini_hochberg"]["false_share"] <= 0.05 for row in rows["alarms"])
    assert all(row.get("false_pass", 0) <= 0.08 for row in rows["gates"])
