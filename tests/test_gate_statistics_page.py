"""The figures of docs/gate-statistics.md keep the promises of that page, and are what the real code would do."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from xbench.gate.deciding import decide
from xbench.gate.question import Evidence, Question
from xbench.records.policy import GateRule
from xbench.records.run_record import VariantState
from xbench.stats.ratio import speedup_estimate
from xbench.stats.stopping import enough
from xbench.stats.verdict import noise_floor

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks/gates.py"
if not SCRIPT.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def test_to_measure_again_makes_no_pass_and_to_retry_does():
    """Of the recorded figures themselves. Stopping by precision may cost one look up to a tenth of its error."""
    rows = json.loads((ROOT / "results/gate_statistics.json").read_text())["errors"]
    for row in rows:
        error = 1 - row["confidence"]
        uncertain = 3 * math.sqrt(error / row["repetitions"])
        allowed = (error if row["looks"] > 1 else 1.1 * error) + uncertain
        assert max(row["split"]["wrong_pass"], row["split"]["wrong_fail"]) <= allowed, row
        if not row["floor"] and row["looks"] == 5:
            assert row["naive"]["wrong_pass"] > 2 * error
            assert row["fresh"]["wrong_pass"] > 4 * error


def estimates(medians, sets, confidence):
    """Of the candidate and the copy, after so many sets, each set's rounds being all alike."""
    return [speedup_estimate([np.full(2, one) for one in side[:sets]], confidence=confidence) for side in medians]


def test_all_at_once_is_what_the_code_does_to_one(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import gates_simulation as simulated

    medians = simulated.calm(np.random.default_rng(3), (40, 24))
    sample = simulated.samples(medians)
    first, second = simulated.ends(sample, 2)
    level = simulated.two_sided(0.975, 2)
    rule = GateRule(gate="min_speedup", bound=1.0)
    question = Question(rule, VariantState(name="half", baseline=False), "sim", "default", looks=2)
    assert question.confidence == level
    words = {1: "pass", -1: "fail", 0: "inconclusive"}
    for number, (end, last) in enumerate(zip(first, second, strict=True)):
        own = medians[:, number] + np.array([[0.02], [0.0]])
        stops = [k for k in range(6, 13) if enough(estimates(own, k, 0.95), simulated.ASKED)]
        assert end == (stops[0] if stops else 12)
        assert end < last <= end + 12
        candidate, copy = estimates(own, last, level)[0], estimates(own, last, 0.95)[1]
        for floor in (0.0, noise_floor(copy)):
            verdict = decide(question, Evidence(reference="dense", estimate=candidate, floor=floor))
            found = simulated.verdicts(sample, second, 0.02, level, floor > 0)
            assert words[int(found[number])] == verdict.outcome
