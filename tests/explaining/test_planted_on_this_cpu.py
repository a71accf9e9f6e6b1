"""The same reasons from real runs: ONNX Runtime on this machine's CPU, its own clock and its own profiler.

What rests on thin differences of times is planted in `test_planted_reasons.py`; here stands what no neighbour of this
machine can hide. No time is asserted.
"""

from __future__ import annotations

import contextlib
import json

import numpy as np
import onnx
import pytest
import yaml
from reasons_kit import chain, every_second, kinds, reason, weights_of
from road.road_kit import Silence, in_this_process

from xbench.explaining.explaining import explanations
from xbench.progress import Journey
from xbench.records.run_record import RunRecord
from xbench.road.context import RunOptions
from xbench.road.story import travel
from xbench.suite.loading import load_suite

ROWS = 128
WIDE, HALF = [512, 1024, 512], [512, 512, 512]
MANY = 128
QUICK = {"precision": 0.9, "budget": 1}


def ran(folder, files, **more) -> RunRecord:
    """A run of these files on the CPU, in this process, the first one the baseline; `more` is of the suite."""
    for name, model in files.items():
        onnx.save(model, folder / f"{name}.onnx")
    suite = {
        "schema": "xbench.suite/1",
        "name": "planted",
        "hardware": ["cpu"],
        "measure": QUICK,
        "variants": [{"name": n, "onnx": f"{n}.onnx", "baseline": i == 0} for i, n in enumerate(files)],
        **more,
    }
    return travelled(folder, suite)


def travelled(folder, suite, trusted=False) -> RunRecord:
    (folder / "suite.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(suite))))
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        # No time is asserted: nobody need wait for a turn, nor for a steady state.
        patch.setattr("xbench.road.proving._LOOK_SECONDS", 0.1)
        for module in ("road.measuring", "road.proving", "measure.launching"):
            patch.setattr(f"xbench.{module}.alone_on_the_machine", contextlib.nullcontext)
        options = RunOptions(output=folder / "results", trusted=trusted)
        record, _ = travel(load_suite(folder / "suite.yaml"), options, Journey(Silence()))
    return record


def by_variant(record):
    return {one.variant: one for one in explanations(record)}


@pytest.fixture(scope="module")
def zeros(tmp_path_factory):
    """Half of the weights zero here and there, half of the neurons zero, half of the neurons gone."""
    weights = weights_of(chain(WIDE))
    zeroed = [weight.copy() for weight in weights]
    zeroed[0][:, ::2], zeroed[1][::2] = 0, 0
    gone = [np.ascontiguousarray(weights[0][:, 1::2]), np.ascontiguousarray(weights[1][1::2])]
    files = {
        "dense": chain(WIDE, rows=ROWS),
        "scattered": chain(WIDE, rows=ROWS, weights=[every_second(weight) for weight in weights]),
        "zeroed": chain(WIDE, rows=ROWS, weights=zeroed),
        "removed": chain(HALF, rows=ROWS, weights=gone),
    }
    return by_variant(ran(tmp_path_factory.mktemp("zeros"), files))


def test_zeros_are_multiplied_on_this_cpu(zeros):
    for name, kind in (("scattered", "zeros multiplied"), ("zeroed", "only zeroed")):
        found = zeros[name]
        assert kinds(found) & {"zeros multiplied", "only zeroed"} == {kind}
        assert found.ideal.macs_ratio == pytest.approx(2, rel=0.02)
        assert found.on_this_target.macs_ratio == pytest.approx(1)
    assert not kinds(zeros["removed"]) & {"zeros multiplied", "only zeroed", "still dense"}


def test_many_small_nodes_are_launches_on_this_cpu(tmp_path):
    """Products of 16 x 16: what a node costs whatever it computes is measured in the same run."""
    files = {"dense": chain([16] * (MANY + 1), rows=1), "half": chain([16, 8] * (MANY // 2) + [16], rows=1)}
    found = by_variant(ran(tmp_path, files))["half"]
    assert f"{MANY} nodes" in reason(found, "launch-bound").text


def test_few_large_nodes_are_no_launches_on_this_cpu(zeros):
    assert all("launch-bound" not in kinds(found) for found in zeros.values())


def test_operators_without_weights_hold_it_back_on_this_cpu(tmp_path):
    """A small product, and then functions of a million numbers: the one is halved, and the others are as they were.

    On a disturbed machine the profile may not add up to the timed speedup, or no speedup be told: then that is said.
    """
    files = {
        name: chain([8, hidden, 1024], rows=1024, between=["Erf", "Sin", "Tanh"])
        for name, hidden in (("dense", 8), ("half", 4))
    }
    found = by_variant(ran(tmp_path, files))["half"]
    untold = any(line.startswith("which operators hold it back") for line in found.missing)
    assert untold or found.outcome != "not reached" or "Sin" in reason(found, "not pruned").text


FACTORY = """\
import torch


def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64)).eval()
"""


def test_a_recipe_that_only_zeroes_is_still_dense_on_this_cpu(tmp_path):
    pytest.importorskip("torch_pruning", reason="pruning by structure needs torch and Torch-Pruning")
    pytest.importorskip("onnxscript", reason="export needs the extra torch")
    (tmp_path / "planted_net.py").write_text(FACTORY)
    half = {"method": "structured", "neurons": 0.5}
    suite = {
        "schema": "xbench.suite/1",
        "name": "planted",
        "model": {
            "factory": "planted_net:build",
            "inputs": {"input": {"shape": ["batch", 64]}},
            "exporter": "torchscript",
        },
        "variants": [
            {"name": "dense", "baseline": True},
            {"name": "zeroed", "prune": half | {"remove": False}},
            {"name": "removed", "prune": half},
        ],
        "workloads": [{"name": "b64", "batch": 64}],
        "hardware": ["cpu"],
        "measure": QUICK,
    }
    found = by_variant(travelled(tmp_path, suite, trusted=True))
    assert kinds(found["zeroed"]) >= {"still dense", "only zeroed"}
    assert "still dense" not in kinds(found["removed"])
