"""Suites over tiny ONNX files and scripted devices, travelled in this process or by the script `xbench`."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from xbench.measure.worker import Worker, _answer
from xbench.progress import Journey
from xbench.road.context import RunOptions
from xbench.road.story import travel
from xbench.suite.loading import load_suite

# Six sets of four rounds each, however fast the machine is: for devices in this process.
QUICK = {"precision": 0.5, "budget": 6}
# Six sets, on a busy machine too: for real processes.
PATIENT = {"precision": 0.5, "budget": 120}


class Silence:
    def show(self, stage, case, done, left_seconds):
        pass

    def note(self, text):
        pass

    def close(self):
        pass


class LocalProcess:
    """A worker inside this process: the same commands and answers, and no pipe."""

    def __init__(self, path, label, profile, time_limit):
        self._made_of = (str(path), label, profile)

    def __enter__(self):
        self._worker = Worker(*self._made_of)
        return self

    def __exit__(self, *exc):
        pass

    process_start_ns = import_ns = 1_000_000

    def begin(self):
        pass

    def make_ready(self):
        pass

    def request(self, command, *, expected_seconds=0.0, **arguments):
        return json.loads(json.dumps(_answer(self._worker, {"do": command, **arguments})))


def in_this_process(monkeypatch):
    """Scripted devices without processes: the same seed gives the same samples, in a tenth of the time."""
    monkeypatch.setattr("xbench.measure.station.WorkerProcess", LocalProcess)
    monkeypatch.setattr("xbench.measure.inspection.WorkerProcess", LocalProcess)
    numbers = itertools.count(1)
    monkeypatch.setattr("xbench.runners.fake.os", SimpleNamespace(getpid=lambda: next(numbers)))
    # A runner pins its thread; here that would be the thread of all tests that come after.
    monkeypatch.setattr("os.sched_setaffinity", lambda *_: None)


def write_model(path: Path, scale: float = 1.0) -> Path:
    weight = numpy_helper.from_array(np.full((4, 4), scale, np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def write_suite(
    folder: Path, scripts, *, gate=None, seed=7, measure=QUICK, broken=(), workloads=("default",)
) -> Path:
    """A suite whose variants are the scripts' names, the first one the baseline, on the device `sim`."""
    (folder / "profiles").mkdir(exist_ok=True)
    profile = {
        "schema": "xbench.profile/1",
        "name": "sim",
        "title": "scripted",
        "runner": "fake",
        "options": {"seed": seed, "scripts": scripts},
        "evidence": "scripted",
    }
    (folder / "profiles" / "sim.yaml").write_text(yaml.safe_dump(profile))
    for index, name in enumerate(scripts):
        write_model(folder / f"{name}.onnx", scale=1.0 + index)
        if name in broken:
            (folder / f"{name}.onnx").write_bytes(b"no model")
    suite = {
        "schema": "xbench.suite/1",
        "name": "scripted",
        "variants": [{"name": n, "onnx": f"{n}.onnx", "baseline": i == 0} for i, n in enumerate(scripts)],
        "hardware": ["sim"],
        "workloads": [{"name": name} for name in workloads],
        "gate": gate or {},
        "measure": measure,
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return folder / "suite.yaml"


def journey(suite: Path, *, resume=False):
    """The record of a run, and its folder."""
    options = RunOptions(output=suite.parent / "results", profile_folders=(suite.parent / "profiles",), resume=resume)
    record, context = travel(load_suite(suite), options, Journey(Silence()))
    return record, context.folder


def options_of(suite: Path) -> list[str]:
    """The options that name this suite's folders."""
    return ["--output", str(suite.parent / "results"), "--profile-dir", str(suite.parent / "profiles")]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "xbench", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def xbench(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err
