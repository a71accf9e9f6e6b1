"""`xbench run --policy FILE` and `xbench suite schema --policy`."""

from __future__ import annotations

import json

import pytest

from .conftest import assert_clear_error

SUITE = """\
schema: xbench.suite/1
name: t
variants:
  - {name: dense, baseline: true, onnx: d.onnx}
  - {name: pruned, onnx: p.onnx}
hardware: [cpu]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gates: [{gate: drift, bound: 1}]", "p.yaml:2:10: gates.0.gate: the check of drift does not exist yet"),
        ("gates: [{gate: max_memory_mib, bound: 2 s}]", "'2 s' does not fit max_memory_mib, which takes a size"),
        (
            "waivers: [{gate: min_speedup, hardware: cpu, reason: r, who: w}]",
            "p.yaml:2:11: waivers.0: a waiver without an end: give until",
        ),
        ("gates: [{gate: min_speedup, bound: 1, hardware: [cpus]}]", "did you mean 'cpu'?"),
        ("gates: [{gate: max_error_rate, bound: 1 %}]", "nothing is scored: the suite has no key evaluate"),
    ],
)
def test_a_policy_that_cannot_be_used_is_bad_input(tmp_path, xbench, text, words):
    (tmp_path / "s.yaml").write_text(SUITE)
    (tmp_path / "p.yaml").write_text(f"schema: xbench.policy/1\n{text}\n")
    ended = xbench("run", "s.yaml", "--policy", "p.yaml")
    assert_clear_error(ended, 2, words)
    assert not (tmp_path / "results").exists()


def test_a_policy_that_is_not_there_is_bad_input(tmp_path, xbench):
    (tmp_path / "s.yaml").write_text(SUITE)
    assert_clear_error(xbench("run", "s.yaml", "--policy", "p.yaml"), 2, "The policy p.yaml does not exist")


def test_the_schemas_are_told_apart(xbench):
    suite, policy = (json.loads(xbench("suite", "schema", *more).out) for more in ((), ("--policy",)))
    assert suite["properties"]["schema"]["const"] == "xbench.suite/1"
    assert policy["properties"]["schema"]["const"] == "xbench.policy/1"
