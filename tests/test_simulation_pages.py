"""The benchmarks that simulate: their pages are what was recorded, they run, and a trial is not kept as the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)

SECTIONS = {
    "gates": {"errors", "power"},
    "history": {"unchanged", "changed", "many"},
    "quality_statistics": {"accuracy", "shares", "means", "others", "detected", "gates", "alarms"},
}


def started(name, *arguments):
    command = [sys.executable, BENCHMARKS / f"{name}.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_tables_are_what_was_recorded(name):
    done = started(name, "--page", "--check")
    assert done.returncode == 0, f"{done.stderr}\nwrite them again: python benchmarks/{name}.py --page"


@pytest.mark.parametrize("name", SECTIONS)
def test_a_trial_writes_every_section(name, tmp_path):
    done = started(name, "--quick", "--json", tmp_path / "rows.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert all(rows[section] for section in SECTIONS[name])


@pytest.mark.parametrize("name", SECTIONS)
def test_a_trial_is_not_kept_as_the_figures(name):
    done = started(name, "--quick")
    assert done.returncode == 2
    assert "--json" in done.stderr
