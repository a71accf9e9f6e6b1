"""The figures of docs/history.md, as they are recorded, keep the promises of that page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "results/history.json"
if not ROWS.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def test_what_is_recorded_keeps_its_promise():
    rows = json.loads(ROWS.read_text())
    alike = ("normal", "heavy tails (t, 3 d.f.)", "one run off by 10 %")
    assert max(row["false"] for row in rows["unchanged"] if row["scatter"] in alike) <= 0.065
    found = {(row["scatter"], row["truth"], row["runs"]): row["found"] for row in rows["changed"]}
    assert found["normal", "jump of 5 % in the middle", 20] >= 0.95
    assert found["normal", "jump of 5 %, the last three runs", 20] >= 0.9
    assert found["normal", "creep of 1 % a week", 12] >= 0.95
    assert all(row["false_share"] <= 0.08 for row in rows["many"])
