"""The figures of docs/quality-statistics.md, as they are recorded, keep the promises of that page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "results/quality_statistics.json"
if not ROWS.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def test_what_is_recorded_keeps_its_promise():
    """Of the recorded figures themselves: by how much intervals and corrections may miss at single truths."""
    rows = json.loads(ROWS.read_text())
    below = [row["below"] for row in rows["accuracy"]] + [row["drop"]["below"] for row in rows["means"]]
    assert max(below) <= 0.09
    assert sum(below) / len(below) <= 0.055
    assert max(row["drop"]["below"] for row in rows["others"]) <= 0.13
    assert all(row["holm"]["any_false"] <= 0.05 for row in rows["alarms"])
    assert all(row["benjamini_hochberg"]["false_share"] <= 0.05 for row in rows["alarms"])
    assert all(row.get("false_pass", 0) <= 0.08 for row in rows["gates"])
