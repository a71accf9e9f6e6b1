"""A candidate that is as good as the baseline on the whole, and not where it matters."""

from __future__ import annotations

import numpy as np
import yaml
from planted_kit import travelled
from small_classifier import save_model

from xbench.analysis.quality import QualityOptions, quality_result
from xbench.gate.deciding import decide_quality
from xbench.records.quality import ExampleFacts, ExampleScores
from xbench.suite.model import GateSpec

EXAMPLES, RARE, LOST, WON = 2000, 100, 25, 30
LANGUAGES = np.asarray(["de"] * RARE + ["en", "fr", "es", "it"] * ((EXAMPLES - RARE) // 4))
LABELS = np.arange(EXAMPLES) // 2 % 2
GATE = {"max_drop": {"accuracy": 0.01}}

# Class 1 where the features of an example sum up to more than 0; pruning zeroes all weights but the first.
DENSE = np.asarray([[-1, 1], [-1, 1], [-1, 1]], np.float32)
PRUNED = DENSE * np.asarray([[1], [0], [0]], np.float32)


def features(lost):
    """Most are told by the first feature. Those of `lost` need the second; 30 of the others are misled by the third."""
    side = np.where(LABELS == 1, 1, -1)
    x = np.stack((side, 0 * side, 0 * side), axis=1).astype(np.float32)
    x[lost, 0], x[lost, 1] = -0.5 * side[lost], side[lost]
    misled = np.setdiff1d(np.arange(RARE, EXAMPLES), lost)[:: (EXAMPLES - RARE) // WON - 1][:WON]
    x[misled, 0], x[misled, 2] = 0.5 * side[misled], -side[misled]
    return x


PLANTED = features(np.arange(LOST))
EVEN = features(np.arange(LOST) * 79)


def scores(variant, x, weights):
    answers = (x @ weights).argmax(axis=1)
    right = answers == LABELS
    return ExampleScores(
        variant, "cpu", "d", {"accuracy": right.astype(float)}, answers=answers.astype(np.int64), right=right
    )


def judged(x):
    slices = {f"language={name}": name == LANGUAGES for name in np.unique(LANGUAGES)}
    examples = ExampleFacts(np.arange(EXAMPLES).astype(str), LABELS, ("no", "yes"), slices)
    dense, pruned = scores("dense", x, DENSE), scores("pruned", x, PRUNED)
    found = quality_result(pruned, dense, examples, {}, QualityOptions())
    (verdict,) = decide_quality(GateSpec(**GATE), found)
    return found, verdict


def test_a_slice_that_pays_for_all_is_an_alarm_though_the_gate_passes():
    found, verdict = judged(PLANTED)
    assert (found.flips.right_to_wrong, found.flips.wrong_to_right) == (LOST, WON)
    assert found.metrics[0].drop.point < 0, "on the whole it is better than the baseline"
    assert verdict.outcome == "pass"
    (alarm,) = [one for one in found.slices if one.alarm]
    assert (alarm.slice, alarm.examples) == ("language=de", RARE)
    assert (alarm.baseline, alarm.value) == (1.0, 0.75)
    assert found.exemplar_count == LOST


def test_the_same_losses_all_over_are_no_alarm():
    found, verdict = judged(EVEN)
    assert (found.flips.right_to_wrong, verdict.outcome) == (LOST, "pass")
    assert not any(one.alarm for one in found.slices)


def test_the_alarm_stands_in_the_report_of_a_real_run(tmp_path):
    save_model(tmp_path / "dense.onnx", DENSE)
    save_model(tmp_path / "pruned.onnx", PRUNED)
    np.savez(tmp_path / "examples.npz", x=PLANTED, label=LABELS, language=LANGUAGES)
    suite = {
        "schema": "xbench.suite/1",
        "name": "languages",
        "hardware": ["cpu"],
        "measure": {"precision": 0.9, "budget": 2},
        "variants": [
            {"name": "dense", "onnx": "dense.onnx", "baseline": True},
            {"name": "pruned", "onnx": "pruned.onnx"},
        ],
        "evaluate": {
            "task": "classification",
            "dataset": {"file": "examples.npz"},
            "slices": [{"column": "language"}],
        },
        "gate": GATE,
    }
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    found = travelled(tmp_path / "suite.yaml", profile_folders=())
    quality = found.record.quality_of("pruned", "cpu")
    assert [(one.slice, one.value) for one in quality.slices if one.alarm] == [("language=de", 0.75)]
    assert quality.exemplar_count == LOST
    assert [verdict.outcome for verdict in found.record.verdicts] == ["pass"]
    assert "language=de" in found.text
