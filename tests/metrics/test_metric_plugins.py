"""Metrics of other packages: the example installed as a user would, and packages that are broken or in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InputError, UnavailableError
from xbench.metrics.choosing import metric, metrics_for

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "metric_plugin"
IN_A_CHECKOUT = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the documents are not here: this runs in a checkout")

LOOK = """
import json
from xbench.metrics.choosing import metrics_for
found = metrics_for("plugin", ("mean_iou", "detection_ap50"))
print(json.dumps({name: [one.name, one.better, one.span] for name, one in found.items()}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the example package is installed into."""
    source, packages = tmp_path_factory.mktemp("example") / "source", tmp_path_factory.mktemp("packages")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", packages, source], check=True, timeout=120, capture_output=True)
    return packages


def python(*arguments, packages, folder):
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@IN_A_CHECKOUT
def test_the_example_is_installed_and_found(tmp_path, installed):
    ended = python("-c", LOOK, packages=installed, folder=tmp_path)
    expected = {name: [name, "higher", None] for name in ("mean_iou", "detection_ap50")}
    assert json.loads(ended.stdout or "null") == expected, ended.stderr


def segmenter(path, weight):
    """(n, 2, 4, 4) images in, scores of 3 classes for each pixel out."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2, 4, 4])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3, 4, 4])
    node, tensor = helper.make_node("Conv", ["image", "w"], ["out"]), numpy_helper.from_array(weight, "w")
    graph = helper.make_graph([node], "g", [image], [out], [tensor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def segmentation(folder):
    """A suite in `folder`; returned is the right mean IoU of both variants. The last image has an unknown class."""
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(3, 2, 1, 1)).astype(np.float32)
    pruned = dense * np.array([1, 1, 0], np.float32)[:, None, None, None]
    images = rng.normal(size=(41, 2, 4, 4)).astype(np.float32)
    taken = {
        name: np.einsum("oc,nchw->nohw", weight[:, :, 0, 0], images).argmax(axis=1)
        for name, weight in (("dense", dense), ("pruned", pruned))
    }
    mask = np.where(
        rng.random(taken["dense"].shape) < 0.2, rng.integers(3, size=taken["dense"].shape), taken["dense"]
    )
    mask[rng.random(mask.shape) < 0.1] = 255
    mask[-1, 0, 0] = 7
    np.savez(folder / "data.npz", image=images, mask=mask)
    for name, weight in (("dense", dense), ("pruned", pruned)):
        segmenter(folder / f"{name}.onnx", weight)
    (folder / "suite.yaml").write_text(SUITE)
    seen = mask[:-1] != 255
    return {name: mean_overlap(mask[:-1][seen], answer[:-1][seen]) for name, answer in taken.items()}


def mean_overlap(true, taken):
    both = [np.sum((true == c) & (taken == c)) / np.sum((true == c) | (taken == c)) for c in range(3)]
    return float(np.mean(both))


SUITE = """
schema: xbench.suite/1
name: streets
variants:
  - {name: dense, baseline: true, onnx: dense.onnx}
  - {name: pruned, onnx: pruned.onnx, gate: {max_drop: {mean_iou: 0.9}}}
hardware: [cpu]
measure: {precision: 0.5, budget: 2}
evaluate: {task: plugin, dataset: {file: data.npz}, metrics: [mean_iou], targets: [mask]}
"""


@IN_A_CHECKOUT
@pytest.mark.slow
def test_a_run_is_scored_by_the_example_and_an_example_that_it_refuses_is_told(tmp_path, installed):
    pytest.importorskip("onnxruntime")
    expected = segmentation(tmp_path)
    ended = python("-m", "xbench", "run", "suite.yaml", "--json", "-", packages=installed, folder=tmp_path)
    told = json.loads(ended.stdout or "{}")
    quality = {one["variant"]: one for one in told.get("quality", ())}
    assert quality.keys() == expected.keys(), ended.stderr
    for name, one in quality.items():
        (metric_told,) = one["metrics"]
        assert metric_told["value"] == pytest.approx(expected[name]), name
        assert metric_told["examples"] == 40
        assert [error["index"] for error in one["errors"]] == [40]
        assert "mask has classes from" in one["errors"][0]["reason"]
    (verdict,) = told["verdicts"]
    assert (verdict["gate"], verdict["outcome"]) == ("max_drop.mean_iou", "inconclusive")


WHOLE = """
import numpy as np

class Kind:
    name = "{name}"
    tasks = ("plugin", "regression")
    better = "lower"
    span = None

    def scores(self, answers, targets):
        return np.zeros(3)

    def value(self, scores, weights):
        return 0.0
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Writes an installed package by hand: a module, and the metadata that names its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(package: str, name: str, code: str) -> None:
        (tmp_path / f"{package}_module.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[xbench.metrics]\n{name} = {package}_module:Kind\n")

    return write


def test_a_metric_of_a_package_is_for_the_tasks_that_it_names(bring):
    bring("fitting_metrics", "steepness", WHOLE.format(name="steepness"))
    assert list(metrics_for("regression", ("mae", "steepness"))) == ["mae", "steepness"]
    with pytest.raises(InputError, match="'steepness' is not for the task 'retrieval'\nit is for plugin and regress"):
        metrics_for("retrieval", ("steepness",))
    with pytest.raises(InputError, match=r"(?s)and of plug-ins steepness\ndid you mean 'steepness'"):
        metrics_for("plugin", ("stepness",))


BROKEN = {
    "not_imported": ("import no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'"),
    "half_a_metric": ("class Kind:\n    name = 'x'\n", "has no scores, value"),
    "not_made": (WHOLE.replace("    span", "    def __init__(self, k): ...\n    span"), "TypeError: .*'k'"),
    "unnamed": (WHOLE.replace('name = "{name}"', ""), "AttributeError: .* has no attribute 'name'"),
    "misnamed": (WHOLE.replace("{name}", "other"), "its name is 'other', and its entry point calls it 'misnamed'"),
    "neither_way": (WHOLE.replace("lower", "best"), "better is 'best', and must be 'higher' or 'lower'"),
    "no_span": (WHOLE.replace("span = None", "span = 0"), "span is 0, and must be a number above 0"),
    "a_span_of_text": (WHOLE.replace("span = None", "span = 'one'"), "TypeError"),
    "no_task": (
        WHOLE.replace('("plugin", "regression")', "'plugin'"),
        "tasks is 'plugin', and must be names of tasks",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_metric_is_told_by_its_package(bring, name):
    code, told = BROKEN[name]
    bring(f"broken_{name}", name, code.replace("{name}", name))
    with pytest.raises(UnavailableError, match=f"The metric '{name}' of the package broken_{name} cannot") as caught:
        metric(name)
    assert caught.match(told)
    assert list(metrics_for("regression", ("mae",))) == ["mae"], "others are not touched"


@pytest.mark.parametrize("name", ["accuracy", "ndcg_at_7", "sharpness"])
def test_a_name_that_several_claim_is_refused(bring, name):
    """A cut-off that xbench could make is xbench's too."""
    bring("first_claim", name, WHOLE.format(name=name))
    if name == "sharpness":
        bring("second_claim", name, WHOLE.format(name=name))
    claimed = "the package first_claim and by the package second_claim"
    claimed = claimed if name == "sharpness" else "xbench and by the package first_claim"
    with pytest.raises(UnavailableError, match=f"The metric '{name}' is claimed by {claimed}"):
        metric(name)
