"""Runners of other packages: the example installed as a user would, and packages that are broken or in the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE, PAGE = ROOT / "docs" / "runner_plugin", ROOT / "docs" / "adding-a-runner.md"
IN_A_CHECKOUT = pytest.mark.skipif(not PAGE.is_file(), reason="the documents are not here: this runs in a checkout")


def xbench(*arguments, packages: Path, folder: Path):
    command = [sys.executable, "-m", "xbench", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def models(folder: Path) -> list[Path]:
    paths = []
    for name, width in (("dense", 64), ("pruned", 8)):
        x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [4, 16]) for n in "xy")
        nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
        random = np.random.default_rng(width)
        weights = {"a": random.standard_normal((16, width)), "b": random.standard_normal((width, 16))}
        tensors = [numpy_helper.from_array(array.astype(np.float32), n) for n, array in weights.items()]
        graph = helper.make_graph(nodes, "g", [x], [y], tensors)
        paths.append(folder / f"{name}.onnx")
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), paths[-1])
    return paths


def package(folder: Path, name: str, runner: str, code: str, target: str = "module:Kind") -> None:
    """An installed package, written by hand: a module, and the metadata that names its entry point."""
    module, _, attribute = target.partition(":")
    (folder / f"{name}_{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[xbench.runners]\n{runner} = {name}_{module}:{attribute}\n")


def profile(folder: Path, runner: str) -> None:
    (folder / f"{runner}.yaml").write_text(
        f"schema: xbench.profile/1\nname: mine-{runner}\ntitle: Mine\nrunner: {runner}\nevidence: never run\n"
    )


@IN_A_CHECKOUT
def test_the_example_is_installed_found_and_measures(tmp_path):
    source, packages = tmp_path / "source", tmp_path / "packages"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", packages, source], check=True, timeout=120, capture_output=True)
    options = ("--hardware", "numpy", "--profile-dir", source, "--budget", "2s", "--json", "-")
    ended = xbench("compare", *models(tmp_path), *options, packages=packages, folder=tmp_path)
    told = json.loads(ended.stdout)
    (one,) = told["comparisons"]
    assert one["verdict"] in ("faster", "slower", "same", "inconclusive"), (one, ended.stderr)
    assert one["measurements"]["dense.onnx"]["latency_p50_ms"] > 0
    few = (source / "numpy.yaml").read_text().replace("max_nodes: 200", "max_nodes: 1")
    (source / "numpy.yaml").write_text(few)
    ended = xbench("compare", *models(tmp_path), *options, packages=packages, folder=tmp_path)
    assert ended.returncode == 4
    assert "dense.onnx has 2 nodes: max_nodes is 1" in ended.stdout


@IN_A_CHECKOUT
def test_the_page_shows_the_example_as_it_is():
    shown: dict[str, list[str]] = {}
    for name, block in re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", PAGE.read_text(), re.DOTALL):
        shown.setdefault(name, []).extend(line for line in block.splitlines() if line)
    files = [file for file in EXAMPLE.iterdir() if file.suffix in (".py", ".toml", ".yaml")]
    assert shown == {file.name: [line for line in file.read_text().splitlines() if line] for file in files}


BROKEN = {
    "it cannot be imported": ("import no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'"),
    "its class is not there": ("Other = 1\n", "has no attribute 'Kind'"),
    "it is no class": ("def Kind(): ...\n", "is no class, but a function"),
    "it is half a runner": ("class Kind:\n    simulated = False\n", "has no probe, warm_import, load"),
}


@pytest.mark.parametrize(("code", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_runner_is_told_by_its_package(tmp_path, code, told):
    package(tmp_path, "acme_runner", "acme", code)
    profile(tmp_path, "acme")
    arguments = ("compare", *models(tmp_path), "--hardware", "mine-acme", "--profile-dir", tmp_path)
    ended = xbench(*arguments, packages=tmp_path, folder=tmp_path)
    assert ended.returncode == 4
    assert "Traceback" not in ended.stderr
    words = re.sub(r"\\", "", ended.stdout)
    assert "The runner 'acme' of the package acme_runner cannot be used" in words
    assert told in words


def test_a_broken_runner_does_not_end_the_list_of_profiles(tmp_path):
    package(tmp_path, "acme_runner", "acme", "import no_such_library\n")
    profile(tmp_path, "acme")
    ended = xbench("hardware", "list", "--profile-dir", tmp_path, packages=tmp_path, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"mine-acme.*no_such_library", ended.stdout)
    assert re.search(r"^cpu ", ended.stdout, re.MULTILINE)


@pytest.mark.parametrize("runner", ["acme", "cpu"])
def test_a_name_that_several_claim_is_refused(tmp_path, runner):
    package(tmp_path, "first", runner, "class Kind: ...\n")
    if runner != "cpu":
        package(tmp_path, "second", runner, "class Kind: ...\n")
    profile(tmp_path, runner)
    arguments = ("compare", *models(tmp_path), "--hardware", f"mine-{runner}", "--profile-dir", tmp_path)
    ended = xbench(*arguments, packages=tmp_path, folder=tmp_path)
    assert ended.returncode == 4
    claimed = "xbench and by the package first" if runner == "cpu" else "the package first and by the package second"
    assert f"The runner '{runner}' is claimed by {claimed}" in ended.stdout
    assert "Traceback" not in ended.stderr
