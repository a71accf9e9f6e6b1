"""Metrics that a suite names and its task has not are refused before anything is made."""

from __future__ import annotations

import pytest
import yaml
from road_kit import Silence

from xbench.errors import InputError
from xbench.progress import Journey
from xbench.road.beginning import begin
from xbench.road.context import RunOptions
from xbench.suite.loading import load_suite


@pytest.mark.parametrize("evaluated", [True, False])
@pytest.mark.parametrize(
    ("keys", "who"),
    [
        (
            {"prune": {"method": "magnitude", "sparsity": 0.5, "schedule": {"floor": {"bleu": 0.3}}}},
            "schedule's floor",
        ),
        ({"expect": {"max_drop": {"bleu": 0.1}}}, "expectation"),
        ({"gate": {"max_drop": {"bleu": 0.1}}}, "gate"),
    ],
)
def test_a_metric_that_is_not_measured_is_refused_at_once(tmp_path, keys, who, evaluated):
    suite = {
        "schema": "xbench.suite/1",
        "name": "s",
        "model": {"factory": "absent:build", "inputs": {"x": {"shape": ["n", 4]}}},
        "variants": [{"name": "dense", "baseline": True}, {"name": "pruned", **keys}],
        "hardware": ["cpu"],
    }
    if evaluated:
        pytest.importorskip("sklearn", reason="the digits data need scikit-learn")
        suite["evaluate"] = {"task": "classification", "dataset": "digits"}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    loaded = load_suite(tmp_path / "suite.yaml")
    measured = "accuracy" if evaluated else "none, since the suite has no key evaluate"
    with pytest.raises(InputError, match=f"The {who} of pruned asks for the metric 'bleu'\nmeasured are: {measured}"):
        begin(loaded, RunOptions(output=tmp_path / "results", trusted=True), Journey(Silence()))
    assert not (tmp_path / "results").exists()


def test_nothing_is_expected_of_the_baseline(tmp_path):
    text = (
        "schema: xbench.suite/1\nname: s\nvariants: [{name: d, baseline: true, onnx: d.onnx, expect: {speedup: 2}}]\n"
    )
    (tmp_path / "suite.yaml").write_text(text)
    with pytest.raises(InputError, match="nothing is expected of the baseline"):
        load_suite(tmp_path / "suite.yaml")
