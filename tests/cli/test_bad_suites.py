"""Suites that cannot be used: where and why in the message, exit code 2, and no run folder."""

from __future__ import annotations

import pytest

from .conftest import assert_clear_error
from .models import mlp, save

HEAD = "schema: xbench.suite/1\nname: s\n"
MODEL = "model:\n  factory: net:make\n  inputs:\n    input: {shape: [batch, 16]}\n"
VARIANTS = "variants:\n  - {name: dense, baseline: true}\n"
WHOLE = HEAD + MODEL + VARIANTS
PRUNED = WHOLE + "  - name: p\n    prune: {method: magnitude, sparsity: %s}\n"

BAD = {
    "unknown key": (WHOLE + "hardwear: [cpu]\n", "s.yaml:9:1: hardwear", "did you mean 'hardware'?"),
    "unknown key inside": (
        HEAD + MODEL + "variants:\n  - {name: dense, baselin: true}\n",
        "s.yaml:8:19:",
        "did you mean 'baseline'?",
    ),
    "wrong type": (WHOLE + "measure: {budget: soon}\n", "s.yaml:9:11: measure.budget", "write 30s"),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "s.yaml:1:4", "aliases"),
    "python tag": ("a: !!python/object/apply:os.mkdir [pwned]\n", "s.yaml:1:4", "tag"),
    "duplicate key": (HEAD + "name: t\n", "s.yaml:3:1", "'name' stands here twice"),
    "10 MB": ("a: " + "x" * 10_000_000, "more than 1,000,000 bytes"),
    "not UTF-8": (b"name: caf\xe9\n", "UTF-8"),
    "deeply nested": ("[" * 5000, "s.yaml"),
    "a list": ("- 1\n", "mapping of keys"),
    "no trust": (WHOLE, "--trust"),
    "sparsity 1.0": (PRUNED % "1.0", "s.yaml:10:32: variants.1.prune.sparsity", "less than 1"),
    "sparsity -1": (PRUNED % "-1", "variants.1.prune.sparsity", "greater than 0"),
    "sparsity 0": (PRUNED % "0", "variants.1.prune.sparsity", "greater than 0"),
    "missing": (None, "does not exist"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_suite_that_cannot_be_used(xbench, what):
    text, *words = BAD[what]
    if text is not None:
        (xbench.folder / "s.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert_clear_error(xbench("run", "s.yaml", timeout=20), 2, *words)
    assert not xbench.runs
    assert not (xbench.folder / "pwned").exists()


def test_each_variant_fails_alone_and_the_exit_code_tells(xbench):
    save(mlp(), xbench.folder / "base.onnx")
    save(mlp(32), xbench.folder / "ok.onnx")
    (xbench.folder / "s.yaml").write_text(
        HEAD + "variants:\n  - {name: dense, baseline: true, onnx: base.onnx}\n"
        "  - {name: gone, onnx: gone.onnx}\n  - {name: ok, onnx: ok.onnx}\n"
    )
    ended = xbench("run", "s.yaml", "--hardware", "cpu", "--budget", "2s")
    assert ended.code == 2, ended
    row = {name: line for line in ended.out.splitlines() for name in ("gone", "ok") if line.startswith(f"| {name} ")}
    assert "invalid" in row["gone"]
    assert "there is no such file" in row["gone"]
    assert "invalid" not in row["ok"]


@pytest.mark.slow
def test_a_variant_of_layers_that_do_not_exist_is_a_row_with_its_reason(xbench):
    pytest.importorskip("torch", reason="torch is not installed: nothing can be pruned here")
    (xbench.folder / "net.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.Linear(64, 4))\n"
    )
    (xbench.folder / "s.yaml").write_text(
        WHOLE + "  - name: lost\n    prune: {method: magnitude, sparsity: 0.5, include: [nosuch.layer]}\n"
        '  - name: "half \\u202e<b>|"\n    prune: {method: magnitude, sparsity: 0.5}\n'
    )
    ended = xbench("run", "s.yaml", "--hardware", "cpu", "--budget", "2s", "--trust")
    assert ended.code == 2, ended
    assert "'nosuch.layer' matches no layer" in ended.out
    assert "| half \\\\u202e\\<b\\>\\| " in ended.out
    assert "\u202e" not in ended.out + ended.err
