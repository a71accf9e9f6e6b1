"""What cannot be asked of `xbench sensitivity` is refused before any work, and without torch."""

from __future__ import annotations

import pytest

from xbench.errors import InputError
from xbench.sensitivity.asking import Asked, check
from xbench.suite.loading import load_suite

SUITE = """\
schema: xbench.suite/1
name: s
model: {factory: net:make, inputs: {x: {shape: [batch, 4]}}}
variants:
  - {name: dense, baseline: true}
  - {name: sparse, prune: {method: magnitude, sparsity: 0.5}}
  - {name: theirs, checkpoint: theirs.safetensors}
  - {name: finished, onnx: theirs.onnx}
  - {name: tuned, finetune: net:tune}
evaluate: {task: classification, dataset: {file: data.npz}}
"""


@pytest.fixture
def refused(tmp_path):
    def ask(text=SUITE, **asked):
        (tmp_path / "s.yaml").write_text(text)
        with pytest.raises(InputError) as error:
            check(load_suite(tmp_path / "s.yaml"), Asked(**{"variant": "sparse"} | asked))
        return str(error.value)

    return ask


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("spars", "did you mean 'sparse'?"),
        ("dense", "it is the baseline"),
        ("finished", "it is a finished ONNX file"),
        ("theirs", "checkpoint"),
        ("tuned", "it has no recipe"),
    ],
)
def test_variants_with_nothing_to_undo(refused, name, words):
    assert words in refused(variant=name)


def test_a_suite_that_scores_nothing(refused):
    assert "no key evaluate" in refused(SUITE.partition("evaluate")[0])


def test_a_baseline_that_is_not_dense(refused):
    text = SUITE.replace("baseline: true", "baseline: true, prune: {method: magnitude, sparsity: 0.1}")
    assert "not the model as it is" in refused(text)


def test_code_that_is_not_trusted(refused):
    assert "--trust" in refused()
    data = SUITE.replace("{file: data.npz}", "{iterator: 'data:rows'}").replace(
        "factory: net:make", "transformers: ."
    )
    assert "data:rows" in refused(data.replace(", inputs: {x: {shape: [batch, 4]}}", ""))


def test_no_layers_to_spare(refused):
    assert "--spare cannot be 0" in refused(spare=0, trusted=True)


def test_a_suite_that_is_in_the_way(refused, tmp_path):
    (tmp_path / "net.py").touch()
    (tmp_path / "s.sensitivity.yaml").touch()
    assert "--force" in refused(output=tmp_path / "out", trusted=True)
