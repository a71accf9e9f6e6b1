"""Targets whose processor QEMU plays: what their workers see and compute, and what a run says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import psutil
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InvalidError, UnavailableError
from xbench.machine.cpuid import CpuSelf, cpu_self
from xbench.machine.emulator import check_x86, emulator_reason, python_command
from xbench.measure.inspection import loaded
from xbench.measure.process import WorkerProcess
from xbench.profiles.finding import all_profiles
from xbench.records.profile import Emulation
from xbench.report.markdown import render
from xbench.road.concluding import conclude
from xbench.road.context import Context, RunOptions
from xbench.road.recomputing import recompute
from xbench.store.folder import ResultsFolder
from xbench.suite.model import Suite

PROFILES = all_profiles()
HASWELL, ARM, HOST = (PROFILES[name] for name in ("x86-avx2-emulated", "arm64-emulated", "cpu-int8"))
PLAYED = CpuSelf("TCGTCGTCGTCG", "Intel Core Processor (Haswell)", frozenset({"avx", "fma", "f16c", "avx2"}))
LIMIT = 120.0
# Of a pixel as an integer. The sixteenths of the digits fall on integers: no rounding that might go either way.
BRIGHTEST = 240

_reason = emulator_reason(HASWELL.emulation)
emulated = pytest.mark.skipif(bool(_reason), reason=f"x86-avx2-emulated cannot be played here: {_reason}")
_arm_reason = emulator_reason(ARM.emulation)


def has_vnni():
    return (
        sys.platform == "linux"
        and os.uname().machine == "x86_64"
        and bool(cpu_self().flags & {"avx512_vnni", "avx_vnni"})
    )


def pmaddubsw(activations, weights):
    """A product as AVX2 has it: neighbours' products are added in 16 bits, with saturation, and then in 32.

    Intel 64 Software Developer's Manual, volume 2B, PMADDUBSW.
    """
    products = activations.astype(np.int64)[:, :, None] * weights.astype(np.int64)[None]
    return np.clip(products[:, 0::2] + products[:, 1::2], -(2**15), 2**15 - 1).sum(axis=1)


def classifier(path: Path, weights) -> Path:
    """Images of 64 pixels, 0 to 1, times integers: u8 x s8, into float32 scores."""
    nodes = [
        helper.make_node("Reshape", ["image", "flat"], ["pixels"]),
        helper.make_node("QuantizeLinear", ["pixels", "scale", "zero"], ["bytes"]),
        helper.make_node("MatMulInteger", ["bytes", "w"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["scores"], to=TensorProto.FLOAT),
    ]
    constants = {
        "flat": np.asarray([-1, 64], np.int64),
        "scale": np.asarray(1 / BRIGHTEST, np.float32),
        "zero": np.asarray(0, np.uint8),
        "w": weights.astype(np.int8),
    }
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", weights.shape[1]])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def bright():
    """Integers 0 to 240, and the images that they are: some of them large enough to saturate."""
    integers = np.random.default_rng(5).integers(0, BRIGHTEST + 1, (6, 64))
    return integers, (integers / BRIGHTEST).astype(np.float32).reshape(-1, 1, 8, 8)


def scores_on(profile, path, images):
    with loaded(path, "m", profile, LIMIT) as model:
        (outputs,) = model.infer([{"image": images}])
        return outputs["scores"].astype(np.int64), model.played


@emulated
def test_sums_of_16_bits_saturate_on_the_emulated_cpu_as_intel_says_and_not_on_one_with_vnni(tmp_path):
    weights = np.random.default_rng(4).integers(60, 128, (64, 16)) * np.where(np.arange(16) % 2, -1, 1)
    integers, images = bright()
    path = classifier(tmp_path / "m.onnx", weights)
    found, played = scores_on(HASWELL, path, images)
    exact, saturated = integers @ weights, pmaddubsw(integers, weights)
    assert not np.array_equal(exact, saturated)
    np.testing.assert_array_equal(found, saturated)
    assert "Intel Core Processor (Haswell), played by QEMU" in played
    if has_vnni():
        here, proof = scores_on(HOST, path, images)
        np.testing.assert_array_equal(here, exact)
        assert proof == ""


@pytest.mark.skipif(bool(_arm_reason), reason=f"arm64-emulated cannot be played here: {_arm_reason}")
def test_the_kernels_of_an_emulated_arm64_do_not_saturate(tmp_path):
    weights = np.random.default_rng(4).integers(60, 128, (64, 16))
    integers, images = bright()
    found, played = scores_on(ARM, classifier(tmp_path / "m.onnx", weights), images)
    np.testing.assert_array_equal(found, integers @ weights)
    assert played == "the worker runs on aarch64, with asimd, asimddp, asimdhp"


@emulated
def test_the_kernel_ends_an_emulated_worker_with_its_parent(tmp_path):
    path = classifier(tmp_path / "m.onnx", np.ones((64, 2)))
    script = (
        "import sys, time; from pathlib import Path; from xbench.measure.process import WorkerProcess;"
        "from xbench.profiles.finding import all_profiles;"
        "w = WorkerProcess(Path(sys.argv[1]), 'm', all_profiles()['x86-avx2-emulated'], 60.0);"
        "w.__enter__(); w.make_ready(); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        (worker,) = psutil.Process(parent.pid).children()
        assert "qemu-x86_64-static" in worker.cmdline()[0]
        os.kill(parent.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs([worker], timeout=10)
    assert gone
    assert not alive


@emulated
def test_a_worker_that_sees_another_cpu_than_the_profile_names_is_refused(tmp_path):
    path = classifier(tmp_path / "m.onnx", np.ones((64, 2)))
    named = HASWELL.requires.model_copy(update={"cpu_flags": ("avx2", "avx512f")})
    profile = HASWELL.model_copy(update={"requires": named})
    with pytest.raises(InvalidError, match=r"Haswell\): it lacks avx512f"):
        scores_on(profile, path, bright()[1])


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"signature": "KVMKVMKVM"}, "does not run under the emulator\nCPUID tells Intel.*signed KVMKVMKVM"),
        ({"flags": PLAYED.flags | {"avx512_vnni"}}, "another than its profile says\n.*it has avx512_vnni"),
        ({"flags": PLAYED.flags - {"avx2"}}, "another than its profile says\n.*it lacks avx2"),
    ],
)
def test_what_cpuid_tells_must_be_the_emulator_and_just_the_features_of_the_profile(update, told):
    seen = CpuSelf(**{"signature": PLAYED.signature, "brand": PLAYED.brand, "flags": PLAYED.flags, **update})
    assert "with avx, avx2, f16c, fma" in check_x86(HASWELL, PLAYED)
    with pytest.raises(InvalidError, match=told):
        check_x86(HASWELL, seen)


def test_an_emulator_that_is_missing_or_too_old_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert emulator_reason(HASWELL.emulation) == "the emulator qemu-x86_64-static is not installed"
    with (
        pytest.raises(UnavailableError, match="apt-get install qemu-user-static"),
        WorkerProcess(tmp_path / "m.onnx", "m", HASWELL, LIMIT),
    ):
        pass
    program = tmp_path / "qemu-x86_64-static"
    program.write_text("#!/bin/sh\necho 'x86 Nehalem  Intel Core i7 9xx'\n")
    program.chmod(0o755)
    assert "cannot play the CPU Haswell" in emulator_reason(HASWELL.emulation)
    other = Emulation(program="qemu-x86_64-static", cpu="Nehalem", root="XBENCH_NO_SUCH_ROOT")
    assert "XBENCH_NO_SUCH_ROOT names no folder" in emulator_reason(other)
    assert python_command(None) == [sys.executable]


def test_an_answer_may_take_longer_there_unless_the_user_says_how_long():
    def limit(profile, **given):
        return Context.limit_for(SimpleNamespace(options=RunOptions(**given), time_limit=120.0), profile)

    assert (limit(HASWELL), limit(HOST), limit(HASWELL, time_limit=120.0)) == (6000.0, 120.0, 120.0)


def digit_weights():
    """Two classifiers of scikit-learn's digits in integers, of the same answers: small weights, and large ones.

    What all classes have in common moves no answer, and makes the large weights: 7 bits never saturate,
    240 x 2 x 63 < 2**15, and 8 bits do.
    """
    pytest.importorskip("sklearn", reason="the digits data need scikit-learn")
    from xbench.datasets.digits import digits

    images, labels, held_out, answers = digits()
    pixels = images.reshape(-1, 64)
    gram = pixels.T @ pixels + 10 * np.eye(64)
    weights = np.linalg.solve(gram, pixels.T @ np.eye(10)[labels])
    small = np.rint(weights / np.abs(weights).max() * 27)
    return small, small + 100, np.rint(held_out.reshape(-1, 64) * BRIGHTEST), answers


def run_digits(folder: Path, variants, hardware):
    """Exit code, report, and record of a suite with a gate on accuracy alone."""
    suite = {
        "schema": "xbench.suite/1",
        "name": "digits",
        "variants": [
            {"name": name, "onnx": str(classifier(folder / f"{name}.onnx", weights)), "baseline": name == "small"}
            for name, weights in variants.items()
        ],
        "hardware": [hardware],
        "evaluate": {"task": "classification", "dataset": "digits"},
        "gate": {"max_drop": {"accuracy": 0.03}},
        "measure": {"budget": 2, "precision": 0.5},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    command = [sys.executable, "-m", "xbench", "run", str(folder / "suite.yaml"), "--output", str(folder / "results")]
    done = subprocess.run([*command, "--json", "-", "--quiet"], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), ResultsFolder(folder / "results").find("last")


def without(record, *names):
    """The record of the same run, if it had been without these variants."""
    (group,) = record.groups
    group = group.model_copy(
        update={"comparisons": tuple(c for c in group.comparisons if c.candidate not in names)},
    )
    return record.model_copy(
        update={"groups": (group,), "variants": tuple(v for v in record.variants if v.name not in names)}
    )


def asked(record, gate, *names):
    """The suite of the record with another gate, without the variants of these names."""
    variants = [one for one in record.suite["variants"] if one["name"] not in names]
    return Suite.model_validate({**record.suite, "variants": variants, "gate": gate})


@emulated
@pytest.mark.slow
def test_a_gate_on_quality_is_decided_by_the_kernels_of_each_target_and_one_on_speed_by_none(tmp_path):
    small, large, integers, answers = digit_weights()
    variants = {"small": small, "twin": small.copy(), "large": large}
    code, report, folder = run_digits(tmp_path, variants, HASWELL.name)
    assert (code, outcomes(report["verdicts"])) == (1, {"twin": "pass", "large": "fail"})
    scored = {one["variant"]: one["metrics"][0]["value"] for one in report["quality"]}
    assert scored["small"] == scored["twin"] == pytest.approx(np.mean((integers @ small).argmax(1) == answers))
    assert scored["large"] == pytest.approx(np.mean(pmaddubsw(integers, large).argmax(1) == answers))
    told = {one["candidate"]: one["sentence"] for one in report["comparisons"]}
    assert told["twin"] == (
        "twin against small on x86-avx2-emulated: emulated: not timed, since qemu-x86_64-static plays the CPU "
        "(Haswell); outputs are those of this machine's own CPU; outputs are equal"
    )
    assert {(c["verdict"], c["speedup"], len(c["measurements"])) for c in report["comparisons"]} == {
        ("untimed", None, 0)
    }
    record = folder.load()
    text = render(record)
    assert "Intel Core Processor (Haswell), played by QEMU, with avx, avx2" in text
    assert "On x86-avx2-emulated (emulated): may ship: twin; may not: large (fail)" in text
    assert "emulated: not timed" in text
    assert "large: output 'scores' differs from that of this machine's own CPU by up to 0." in text
    suite = Suite.model_validate(record.suite)
    again = conclude(recompute(record, suite, folder), suite, folder)
    assert (again.groups, again.quality, again.verdicts) == (record.groups, record.quality, record.verdicts)
    # Of the same run: with what passed alone, with a wish for speed, and with nothing scored.
    quality, speed = {"max_drop": {"accuracy": 0.03}}, {"min_speedup": 1.0}
    passing = without(record, "large")
    assert conclude(passing, asked(record, quality, "large")).exit_code == 0
    assert conclude(passing, asked(record, {}, "large")).exit_code == 0
    wished = conclude(passing, asked(record, {**quality, **speed}, "large"))
    assert [one.outcome for one in wished.verdicts] == ["invalid", "pass"]
    assert wished.exit_code == 4
    assert conclude(passing.model_copy(update={"quality": ()}), asked(record, {}, "large")).exit_code == 4


@emulated
@pytest.mark.slow
@pytest.mark.skipif(not has_vnni(), reason="this CPU has no VNNI: its own kernels may saturate as well")
def test_the_same_gate_passes_on_this_machines_own_kernels(tmp_path):
    small, large, _, _ = digit_weights()
    code, report, _ = run_digits(tmp_path, {"small": small, "large": large}, HOST.name)
    assert (code, outcomes(report["verdicts"])) == (0, {"large": "pass"})


def outcomes(verdicts):
    return {one["variant"]: one["outcome"] for one in verdicts}
