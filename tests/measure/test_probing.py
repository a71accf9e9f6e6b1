"""Ceilings of a machine: exact ones with scripted time, and one small real probe."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from measure_models import CPU, scripted

from xbench.errors import InvalidError, StoreError
from xbench.machine.caches import last_level_cache_bytes
from xbench.machine.fingerprint import fingerprint
from xbench.measure.copying import copy_times
from xbench.measure.probing import Probe, probe_ceilings
from xbench.onnxfile.matmul import write_matmul
from xbench.profiles.ceilings import ceilings_file, read_ceilings, write_ceilings
from xbench.profiles.finding import shipped_profiles
from xbench.records.ceilings import Ceilings, MeasuredRate

HERE = fingerprint()


def nobody(step: str) -> None:
    """Told what comes next."""


def test_a_rate_is_work_by_time_and_the_size_grows_until_it_rises_no_longer():
    # Four products of n^3 multiply-adds each. The rate doubles once, and is flat from 128 on.
    scripts = {
        f"matmul-fp32-{size}": {"latency_us": us, "noise": 0.0}
        for size, us in ((64, 100), (128, 400), (256, 3200), (512, 25600))
    }
    scripts["matmul-fp32-1024"] = {"fault": {"kind": "hang"}}  # two sizes in a row brought nothing: not tried
    told = []
    how = Probe(precisions=("fp32",), sizes=(64, 128, 256, 512, 1024), repeats=5)
    found = probe_ceilings(scripted(scripts), how, told.append)
    rate = found.matmul_tops["fp32"]
    assert rate.best == pytest.approx(4 * 2 * 128**3 / 400e-6 / 1e12, rel=1e-6)
    assert (rate.median, rate.spread, rate.repeats) == (pytest.approx(rate.best), pytest.approx(0), 5)
    assert rate.what == "MatMul of fp32, 128 x 128"
    assert told == ["memory_copy", "fp32"]
    assert "simulated" in found.missing["memory_copy"]


def test_a_size_that_fails_ends_the_rise_and_a_target_that_dies_is_told():
    scripts = {
        "matmul-fp32-64": {"latency_us": 100, "noise": 0.0},
        "matmul-fp32-128": {"fault": {"kind": "oom"}},
        "matmul-integer-64": {"fault": {"kind": "die"}},
        "matmul-qdq-64": {"fault": {"kind": "refuse"}},
    }
    how = Probe(precisions=("fp32", "int8"), sizes=(64, 128), repeats=3)
    found = probe_ceilings(scripted(scripts), how, nobody)
    assert found.matmul_tops["fp32"].what == "MatMul of fp32, 64 x 64"
    assert "died" in found.missing["int8"]


def test_a_product_that_ran_elsewhere_is_no_ceiling():
    how = Probe(precisions=("fp32",), sizes=(64,), repeats=3)
    found = probe_ceilings(scripted({"*": {"elsewhere": 0.5}}), how, nobody)
    assert "fp32" not in found.matmul_tops
    assert "50%" in found.missing["fp32"]


def test_a_small_real_probe_of_the_cpu():
    how = Probe(sizes=(64,), repeats=4, copy_bytes=2**20)
    found = probe_ceilings(CPU, how, nobody)
    for rate in (found.memory_copy_gb_per_s, *found.matmul_tops.values()):
        assert rate.best >= rate.median > 0
        assert rate.repeats == 4
    assert "fp32" in found.matmul_tops
    assert {*found.matmul_tops, *found.missing, "memory_copy"} == set(how.steps), "a figure or a reason"
    assert found.missing["tf32"]


@pytest.mark.parametrize(("form", "products"), [("fp32", 4), ("integer", 1), ("qdq", 4)])
def test_the_products_are_what_they_are_said_to_be(tmp_path, form, products):
    """Against NumPy, and against ONNX Runtime, whose output must be finite and not all zero."""
    path = tmp_path / "m.onnx"
    feeds, operations = write_matmul(path, form, 96)
    assert operations == products * 2 * 96**3
    (out,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)
    assert out.shape == (96, 96)
    assert np.isfinite(out).all()
    assert np.count_nonzero(out) > out.size / 2
    if form == "fp32":
        assert out == pytest.approx(np.linalg.matrix_power(feeds["x"].astype(np.float64), 5), abs=1e-4)


def test_each_copy_is_timed():
    samples = copy_times(2**16, 2, 5)
    assert len(samples) == 5
    assert (samples > 0).all()


def test_caches_are_counted_once_each(tmp_path):
    for cpu, shared in enumerate(("0-1", "0-1", "2", "2")):
        for index, (level, size) in enumerate(((1, "48K"), (3, "32M"))):
            folder = tmp_path / f"cpu{cpu}/cache/index{index}"
            folder.mkdir(parents=True)
            (folder / "level").write_text(f"{level}\n")
            (folder / "size").write_text(f"{size}\n")
            (folder / "shared_cpu_list").write_text(f"{shared}\n")
    assert last_level_cache_bytes(tmp_path) == 64 * 2**20
    assert last_level_cache_bytes(tmp_path / "none") is None


def ceilings(profile=CPU, machine=HERE):
    return Ceilings(
        **profile.model_dump(include={"runner", "options", "precision", "threads"}),
        profile=profile.name,
        fingerprint_sha256=machine.sha256,
        measured_at="2026-11-22T00:00:00+00:00",
        xbench_version="0",
        matmul_tops={"fp32": MeasuredRate(best=2.0, median=1.5, spread=0.1, repeats=3, what="a product")},
        missing={"tf32": "not here"},
    )


def test_ceilings_come_back_for_this_machine_and_these_options_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    write_ceilings(ceilings_file(CPU, HERE), ceilings())
    assert ceilings_file(CPU, HERE).parent == tmp_path / "xbench" / "ceilings"
    assert read_ceilings(CPU, HERE) == ceilings()
    assert read_ceilings(CPU.model_copy(update={"options": {"arena": False}}), HERE) is None
    other = HERE.model_copy(update={"cpu_model": "another"})
    assert read_ceilings(CPU, other) is None
    # Not even where the file of one machine was copied over that of another.
    ceilings_file(CPU, other).write_text(ceilings_file(CPU, HERE).read_text())
    assert read_ceilings(CPU, other) is None


@pytest.mark.parametrize("damage", ["", "{", '{"schema": "xbench.ceilings/9"}'])
def test_damaged_ceilings_are_told(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = ceilings_file(CPU, HERE)
    path.parent.mkdir(parents=True)
    path.write_text(damage)
    with pytest.raises(StoreError, match="xbench hardware probe cpu"):
        read_ceilings(CPU, HERE)


def test_a_runner_that_takes_no_onnx_files_is_not_probed():
    with pytest.raises(InvalidError, match="PyTorch's programs"):
        probe_ceilings(shipped_profiles()["torch-eager"], Probe(), nobody)
