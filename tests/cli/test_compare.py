"""`compare` on files that can be compared."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from onnx import TensorProto as T

from .models import (
    ir3,
    map_output,
    mlp,
    outside_numbers,
    save,
    scalars,
    sequence_output,
    unary,
)

FAST = ("--hardware", "cpu", "--budget", "1s")
EVIL = "evil\x1b[31m[red]`|<b>.onnx"


def test_data_on_standard_output_and_nothing_else(xbench):
    base, candidate = save(mlp(2048, 256), xbench.folder / "base.onnx"), save(mlp(512, 256), xbench.folder / EVIL)
    ended = xbench("compare", base, candidate, "--hardware", "cpu", "--budget", "12s", "--json", "-")
    data = json.loads(ended.out)
    assert data["schema"].startswith("xbench.")
    assert data["fingerprint"]
    assert set(data["noise_floor"]) == {"cpu/default"}
    (one,) = data["comparisons"]
    assert (one["baseline"], one["hardware"], one["workload"]) == ("base.onnx", "cpu", "default")
    assert one["verdict"] in ("faster", "slower", "same", "inconclusive")
    assert one["speedup"]["low"] <= one["speedup"]["point"] <= one["speedup"]["high"]
    assert one["speedup"]["confidence"] == 0.95
    assert one["ideal_speedup"] == pytest.approx(4.0)
    assert one["reasons"]
    measured = one["measurements"]["base.onnx"]
    assert measured["latency_p50_ms"] > 0
    assert measured["peak_memory_mib"] > 0
    assert data["exit_code"] == ended.code == (3 if one["verdict"] == "inconclusive" else 0)
    assert "measure: cpu" in ended.err
    assert "\x1b" not in ended.err + ended.out
    told = xbench("report")
    assert told.code == 0
    assert "| evil\\\\x1b\\[31m\\[red\\]\\`\\|\\<b\\>.onnx " in told.out
    assert "\x1b" not in told.out


def test_it_ends_with_the_table_a_sentence_and_the_place(xbench):
    base = save(ir3(), xbench.folder / "a" / "model.onnx")
    candidate = save(mlp(32), xbench.folder / "b" / "model.onnx")
    ended = xbench("compare", base, candidate, base, *FAST, "--quiet", "--json", "out.json")
    assert ended.code in (0, 3), ended
    assert ended.err == ""
    *_, first, second, place = ended.out.splitlines()
    assert "b/model.onnx" in first
    assert "a/model.onnx #2" in second
    assert place.startswith("Results: results/")
    assert "| variant " in ended.out
    assert "fed: x: batch=1; standard normal" in ended.out
    assert len(json.loads((xbench.folder / "out.json").read_text())["comparisons"]) == 2


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_are_invalid_and_have_no_speedup(xbench, number):
    base = save(outside_numbers(1.0), xbench.folder / "one.onnx")
    candidate = save(outside_numbers(number), xbench.folder / "bad.onnx")
    ended = xbench("compare", base, candidate, *FAST)
    assert ended.code == 4, ended
    assert "bad.onnx against one.onnx on cpu: INVALID: The output 'y' of bad.onnx holds NaN or infinity" in ended.out
    assert not re.search(r"\d+\.\d+x \(", ended.out)


@pytest.mark.parametrize("name", ["cuda-fp32", "tensorrt-tf32"])
def test_hardware_that_is_not_here_has_a_row_and_no_number(xbench, name):
    if xbench("hardware", "check", name).code == 0:
        pytest.skip(f"{name} is here: it cannot be missed")
    base = save(mlp(), xbench.folder / "base.onnx")
    ended = xbench("compare", base, base, "--hardware", name)
    assert ended.code == 4, ended
    row = next(line for line in ended.out.splitlines() if line.startswith(f"| {name} "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "unavailable"
    assert all(cells), "reason and remedy are told"
    assert "samples/s" not in ended.out
    assert f"Nothing was compared on {name}: unavailable: " in ended.out


def test_outputs_that_are_no_tensors_of_numbers(xbench):
    base = save(unary("Relu", shape=("batch", 4)), xbench.folder / "relu.onnx")
    text = unary("Cast", out=T.STRING, to=T.STRING)
    odd = {"sequence": sequence_output(), "map": map_output(), "text": text}
    files = [save(made, xbench.folder / f"{name}.onnx") for name, made in odd.items()]
    ended = xbench("compare", base, *files, *FAST, "--quiet")
    assert ended.code in (0, 3), ended
    assert "invalid" not in ended.out


def test_fixed_sizes_and_scalars_need_no_option(xbench):
    model = save(scalars(), xbench.folder / "m.onnx")
    ended = xbench("compare", model, model, *FAST, "--quiet")
    assert ended.code in (0, 3), ended
    assert "fed: x: 4; standard normal; s: scalar; standard normal" in ended.out
