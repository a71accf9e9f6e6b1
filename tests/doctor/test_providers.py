"""Providers that fail in every way, planted as third parties' packages; the others go on all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from xbench.cli.doctoring import as_text
from xbench.doctor.examining import own_temporary_folder
from xbench.doctor.loading import load_runner
from xbench.doctor.parts import Found
from xbench.doctor.providers import any_provider, check_provider, representative, surroundings
from xbench.doctor.record import Checkup, ProviderCheck, Trap
from xbench.doctor.trying import judge
from xbench.onnxfile.two_nodes import two_nodes
from xbench.profiles.finding import shipped_profiles
from xbench.records.measurement import Placement
from xbench.runners.ort_install import missing_library

RUNNERS = '''
import os, time
from xbench.records.measurement import Placement
from xbench.runners.cpu import CpuRunner


class Good(CpuRunner):
    """As the CPU's."""


class DiesWhenImported(CpuRunner):
    @classmethod
    def warm_import(cls):
        print("its library does not like this CPU", file=__import__("sys").stderr, flush=True)
        os.abort()


class DiesWhenLoaded(CpuRunner):
    def load(self):
        os.abort()


class Elsewhere(CpuRunner):
    def placement(self):
        return Placement(asked="Npu", providers=("Npu", "CPUExecutionProvider"), nodes={"CPUExecutionProvider": 2})


class Wrong(CpuRunner):
    def infer(self, feeds):
        return {name: array + 1 for name, array in super().infer(feeds).items()}


class Absent(CpuRunner):
    @classmethod
    def warm_import(cls):
        import a_library_that_is_not_there
'''
NAMES = ("Good", "DiesWhenImported", "DiesWhenLoaded", "Elsewhere", "Wrong", "Absent")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """What the real command says on this machine with all of them installed, its exit code, and what it left."""
    site, temporary = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("temporary")
    (site / "planted_runners.py").write_text(RUNNERS)
    info = site / "planted-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 2.5\n")
    entries = "\n".join(f"{name.lower()} = planted_runners:{name}" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[xbench.runners]\n{entries}\n")
    command = [sys.executable, "-m", "xbench", "doctor", "--json", "-", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(site), "TMPDIR": str(temporary)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, cwd=temporary)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode, sorted(path.name for path in temporary.iterdir())


@pytest.mark.slow
def test_each_fault_is_told_as_that_providers(planted):
    found, code, _ = planted
    told = {one["name"]: one for one in found["providers"]}
    assert all(told[name.lower()]["version"] == "2.5" for name in NAMES)
    states = {name: (told[name.lower()]["loadable"], told[name.lower()]["usable"]) for name in NAMES}
    assert states == {
        "Good": (True, True),
        "DiesWhenImported": (False, None),
        "DiesWhenLoaded": (True, False),
        "Elsewhere": (True, False),
        "Wrong": (True, False),
        "Absent": (False, None),
    }
    reasons = {name: told[name.lower()]["reason"] for name in NAMES}
    assert "SIGABRT" in reasons["DiesWhenImported"]
    assert "its library does not like this CPU" in reasons["DiesWhenImported"]
    assert "died during `load`" in reasons["DiesWhenLoaded"]
    assert reasons["Elsewhere"] == "Npu was asked for, and the nodes are: 2 on CPUExecutionProvider"
    assert "differs by 1 from NumPy's" in reasons["Wrong"]
    assert "a_library_that_is_not_there" in reasons["Absent"]
    assert all(told[name.lower()]["remedy"] for name in NAMES if name != "Good")
    assert found["schema"] == "xbench.doctor/1"
    assert found["exit_code"] == code == 4


@pytest.mark.slow
def test_the_cpu_is_proven_beside_them(planted):
    found, _, _ = planted
    cpu = next(one for one in found["providers"] if one["name"] == "cpu")
    assert cpu["usable"] is True
    assert cpu["nodes"] == {"CPUExecutionProvider": 2}
    assert len(found["traps"]) >= 10
    assert all(trap["found"] and trap["matters"] for trap in found["traps"])


@pytest.mark.slow
def test_nothing_is_left_behind(planted):
    assert [name for name in planted[2] if not name.endswith(".turn")] == []


def test_two_nodes_are_those_of_onnxs_own_evaluator():
    model, known = two_nodes()
    onnx.checker.check_model(model, full_check=True)
    assert len(model.graph.node) == 2
    (found,) = ReferenceEvaluator(model).run(None, known.feeds)
    assert np.array_equal(found, known.expected["y"])
    assert (found == 0).any(), "what Relu cuts is seen"
    assert (found > 0).any()
    assert np.array_equal(found, found.astype(np.float16)), "exact also in less"


def test_an_output_with_nan_is_not_right():
    _, known = two_nodes()
    placement = Placement(asked="A", providers=("A",), nodes={"A": 1})
    assert judge(placement, dict(known.expected), known).usable
    assert not judge(placement, {"y": np.full((4, 16), np.nan, np.float32)}, known).usable
    assert not judge(placement, {}, known).usable
    assert not judge(placement.model_copy(update={"nodes": {}}), dict(known.expected), known).usable


def test_a_library_that_never_ends_is_stopped_with_its_children(tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text(
        "import pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = load_runner(representative("cpu", []), tmp_path, seconds=1.0, module="hangs")
    assert not found.loaded
    assert "did not end within 1 s" in found.reason
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_runner_is_tried_with_its_plainest_profile():
    profiles = list(shipped_profiles().values())
    for runner in {profile.runner for profile in profiles} - {"fake"}:
        chosen = representative(runner, profiles)
        assert chosen.runner == runner
        assert chosen.emulation is None
    assert representative("cpu", profiles).precision == "fp32"
    assert representative("of-nobody", profiles).runner == "of-nobody"


def test_a_gpu_package_is_sick_only_where_there_is_a_gpu():
    """The device is planted, and the driver is not there: the provider ought to work, and does not."""
    if not missing_library("libcuda.so.1"):
        pytest.skip("this machine has an NVIDIA driver: the provider may really load")
    found = Found("onnxruntime-gpu", "1.31.1", installed=True, unmet=("libcudart.so.13",))
    profile = representative("cuda", list(shipped_profiles().values()))
    here = replace(surroundings(), devices=("/dev/nvidia0",), driver=None)
    check, _ = check_provider(profile, found, "cuda", here, 60)
    assert check.sick
    assert check.loadable is False
    assert "libcuda.so.1" in check.reason
    assert check.reason.endswith("not found: libcudart.so.13")
    nowhere = replace(here, devices=())
    assert not check_provider(profile, found, "cuda", nowhere, 60)[0].sick


def test_a_provider_that_no_runner_is_named_for_is_tried_by_its_name(tmp_path):
    profile = any_provider("XnnpackExecutionProvider", [])
    assert profile.runner == "ort"
    told = load_runner(profile, tmp_path, 60)
    assert not told.loaded
    assert "has no XnnpackExecutionProvider" in told.reason
    coreml = any_provider("CoreMLExecutionProvider", list(shipped_profiles().values()))
    assert coreml.name == "coreml", "a profile that is written for it comes first"


def test_the_environment_is_as_before(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/of-the-user")
    monkeypatch.delenv("TMPDIR", raising=False)
    before, usual = dict(os.environ), tempfile.gettempdir()
    with own_temporary_folder():
        inside = Path(tempfile.mkdtemp())
        assert os.environ["TMPDIR"] == os.environ["XDG_CACHE_HOME"] == str(inside.parent)
    assert not inside.parent.exists()
    assert dict(os.environ) == before
    assert tempfile.gettempdir() == usual


def test_the_text_holds_each_command_whole():
    """A table would break it over several lines of a narrow terminal."""
    command = "pip install " + "a-rather-long-name " * 12
    sick = ProviderCheck(name="a\x1b[31m", installed=True, expected=True, loadable=False, reason="r", remedy=command)
    trap = Trap(name="t", sprung=True, found="f", matters="m", remedy="docker run --gpus all ...")
    lines = as_text(Checkup(providers=(sick,), traps=(trap,))).splitlines()
    assert any(line.rstrip().endswith(command.rstrip()) for line in lines)
    assert any(line.endswith("docker run --gpus all ...") for line in lines)
    assert lines[-1].startswith("0 of 1 providers can be used here")
    assert "installed, and not usable: a" in lines[-1]
    assert lines[-1].endswith("traps: t.")
    assert not any("\x1b" in line for line in lines)


def test_the_exit_code():
    here = {"name": "a", "installed": True, "expected": True, "usable": True}
    good, bad = ProviderCheck(**here), ProviderCheck(**here | {"usable": None})
    absent = ProviderCheck(name="b", installed=False, expected=False)
    trap = Trap(name="t", sprung=False, found="f", matters="m")
    assert Checkup(providers=(good, absent), traps=(trap,)).exit_code == 0
    assert Checkup(providers=(good, bad), traps=()).exit_code == 4
    assert Checkup(providers=(good,), traps=(trap.model_copy(update={"sprung": True}),)).exit_code == 4


def test_ctrl_c_ends_it_at_once(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-m", "xbench", "doctor"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stderr is not None
    child.stderr.readline()  # the first provider has begun
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert [path for path in tmp_path.iterdir() if path.suffix != ".turn"] == []
