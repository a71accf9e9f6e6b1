"""The suite that a search for widths writes: in another folder it finds what the old one found."""

from __future__ import annotations

from pathlib import Path

import pytest

from xbench.fitting.fitted_suite import widths_of
from xbench.records.recipe import StructuredRecipe
from xbench.suite.loading import load_suite
from xbench.suite.model import VariantSpec
from xbench.suite.rewriting import place_of, suite_text

SUITE = """\
schema: xbench.suite/1
name: s
model: {transformers: models/bert}
variants:
  - {name: dense, baseline: true}
  - {name: "2:4", prune: {method: "n:m"}}
  - {name: theirs, checkpoint: ../theirs.safetensors}
  - {name: fast, prune: {method: structured, heads: 0.5}}
workloads: [{name: w, batch: 1, axes: {sequence: 128}}]
evaluate: {task: retrieval, dataset: docstrings, tokenizer: models/words}
calibration: {file: /data/inputs.npz}
"""


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/s.yaml").write_text(SUITE)
    return load_suite(tmp_path / "old/s.yaml")


def test_it_says_the_same_from_its_own_folder(loaded, tmp_path):
    recipe = StructuredRecipe(method="structured", widths={"a.b": 3}, importance="l1")
    (tmp_path / "new").mkdir()
    path = tmp_path / "new/s.suite.yaml"
    path.write_text(suite_text(loaded, [VariantSpec(name="fast", prune=recipe)], tmp_path / "new", "xbench prune"))
    again = load_suite(path)
    assert again.path(again.suite.model.transformers) == loaded.path("models/bert")
    assert again.path(again.suite.evaluate.tokenizer) == loaded.path("models/words")
    assert again.path(again.suite.calibration.file) == Path("/data/inputs.npz")
    assert [one.name for one in again.suite.variants] == ["dense", "2:4", "theirs", "fast"]
    assert again.path(again.suite.variants[2].checkpoint) == tmp_path / "theirs.safetensors"
    assert again.suite.variants[3].prune == recipe
    assert again.suite.workloads == loaded.suite.workloads


def test_it_lies_beside_the_code_that_it_names(tmp_path):
    text = SUITE.replace("transformers: models/bert", "factory: net:make, inputs: {x: {shape: [batch, 4]}}")
    (tmp_path / "s.yaml").write_text(text)
    assert place_of(load_suite(tmp_path / "s.yaml"), tmp_path / "out") == tmp_path / "out", "an installed module"
    (tmp_path / "net.py").touch()
    assert place_of(load_suite(tmp_path / "s.yaml"), tmp_path / "out") == tmp_path


def test_widths_that_are_dense_are_left_out():
    assert widths_of({"a": 3, "b": 8}, {"a": 8, "b": 8}) == {"a": 3}
