"""The peers that peers.py compares xbench with: how each is started, and which of its figures is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from asking import XBENCH, ask, compare

HARNESS = Path(__file__).with_name("harness.py")
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}
"""So that CUDA is absent on a machine that has it, too."""

NOT_RUN = {
    "onnxruntime_perf_test": "not on PyPI: it comes with a build of ONNX Runtime from its sources",
    "optimum-benchmark": "times Transformers models, not ONNX files; 0.6.0 does not import beside Optimum 2",
    "onnx-tool": "counts operations, and times nothing",
    "trtexec": "comes with TensorRT, which is not on PyPI",
}
"""Looked at, and why they cannot take part."""


@dataclass(frozen=True)
class Lab:
    """Where the peers are (`python` is their interpreter), and how long a tool may take for one speedup.

    `results` is a folder for what the tools write.
    """

    python: Path
    seconds: float
    results: Path

    def script(self, name: str) -> Path:
        """A command that lies beside the interpreter."""
        return self.python.with_name(name)

    def calls(self, model: Path, most: int) -> int:
        """The number of calls that fill half of the time: for tools that are told a number. `most` bounds it."""
        return max(20, min(most, round(self.seconds / 2 * 1000 / _latency_ms(self.python, model))))


@cache
def _latency_ms(python: Path, model: Path) -> float:
    said = ask([python, HARNESS, "probe", model], 600)
    found = re.search(r"median ([\d.]+) ms", said.stdout)
    if found is None:
        raise SystemExit(f"{python} cannot run {model}: {said.last_words}")
    return float(found[1])


class Tool(Protocol):
    """Anything that tells a speedup."""

    @property
    def name(self) -> str: ...

    @property
    def reports(self) -> str:
        """Which figure it reports: median or mean."""

    def missing(self, lab: Lab) -> str:
        """Why the tool cannot be run; empty where it can."""

    def pair(self, lab: Lab, base: Path, cand: Path) -> dict[str, Any]:
        """base_ms, cand_ms, speedup and seconds; or `failed`, with the reason."""

    def absent(self, lab: Lab, model: Path) -> dict[str, Any]:
        """What it does when CUDA is asked for and not there: exit_code and figures; or `failed`."""


@dataclass(frozen=True)
class Peer:
    """A tool that prints one latency for each model that it is given.

    `command` makes the command line for some models, with CUDA or with the CPU. The first group of
    `pattern` is the latency, in units of `unit_ms` milliseconds; it is the tool's `reports` (median or mean).
    `together`: both models go into one command. `module` is what must be installed.
    """

    name: str
    module: str
    reports: str
    command: Callable[[Lab, list[Path], bool], list[str | Path]]
    pattern: str
    unit_ms: float = 1.0
    together: bool = False
    names_device: bool = True

    def missing(self, lab: Lab) -> str:
        """Whether the module is in the environment of the peers."""
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({self.module!r}) is None)"
        return f"{self.module} is not installed there" if ask([lab.python, "-c", code], 60).exit_code else ""

    def pair(self, lab: Lab, base: Path, cand: Path) -> dict[str, Any]:
        """Run it on both: one command after the other, or one for both."""
        found: list[float] = []
        seconds = 0.0
        for models in [[base, cand]] if self.together else [[base], [cand]]:
            said = ask(self.command(lab, models, False), 4 * lab.seconds + 120, lab.results)
            seconds += said.seconds
            figures = self._figures(said.stdout)
            if said.exit_code or len(figures) != len(models):
                return {"failed": said.last_words, "seconds": seconds}
            found += figures
        base_ms, cand_ms = found
        return {"base_ms": base_ms, "cand_ms": cand_ms, "speedup": base_ms / cand_ms, "seconds": seconds}

    def absent(self, lab: Lab, model: Path) -> dict[str, Any]:
        """Ask for CUDA."""
        if not self.names_device:
            return {"failed": "no option names a device"}
        command = self.command(lab, [model], True)
        said = ask(command, 4 * lab.seconds + 120, lab.results, HIDDEN)
        return {"exit_code": said.exit_code, "figures": self._figures(said.stdout), "said": said.last_words}

    def _figures(self, output: str) -> list[float]:
        return [float(found) * self.unit_ms for found in re.findall(self.pattern, output, re.MULTILINE)]


@dataclass(frozen=True)
class Xbench:
    """`xbench compare`, from the environment of the interpreter that runs this."""

    name: str = "xbench"
    reports: str = "median"

    def missing(self, lab: Lab) -> str:
        """Whether it is installed beside the interpreter."""
        return "" if XBENCH.exists() else f"there is no {XBENCH}"

    def pair(self, lab: Lab, base: Path, cand: Path) -> dict[str, Any]:
        """One command for both; the speedup is the one that it reports."""
        options = ["--hardware", "cpu", "--budget", f"{lab.seconds:g}s"]
        row = compare(base, cand, options, lab.results).row()
        if row["speedup"] is None:
            row.setdefault("failed", f"{row['verdict']}: {'; '.join(row['reasons'])}")
        return row

    def absent(self, lab: Lab, model: Path) -> dict[str, Any]:
        """Ask for CUDA. A figure is any number in a comparison: a speedup, a latency."""
        options = ["--hardware", "cuda", "--budget", f"{lab.seconds:g}s"]
        found = compare(model, model, options, lab.results, environment=HIDDEN)
        if found.data is None:
            return {"failed": found.failure}
        comparisons = found.data["comparisons"]
        figures = [c["speedup"] or c["measurements"] for c in comparisons if c["speedup"] or c["measurements"]]
        reasons = "; ".join(device["reason"] for device in found.data["hardware"])
        return {"exit_code": found.said.exit_code, "figures": figures, "said": reasons}


def _harness(way: str) -> Callable[[Lab, list[Path], bool], list[str | Path]]:
    def command(lab: Lab, models: list[Path], cuda: bool) -> list[str | Path]:
        provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
        options = ["--provider", provider, "--seconds", f"{lab.seconds / 2:g}"]
        return [lab.python, HARNESS, way, *models, *options]

    return command


def _benchmark_app(lab: Lab, models: list[Path], cuda: bool) -> list[str | Path]:
    # Its default would be BF16 where the CPU has it: another model than the others run.
    device = ["-d", "NVIDIA"] if cuda else ["-d", "CPU", "-infer_precision", "f32"]
    time = ["-api", "sync", "-hint", "none", "-t", str(max(1, round(lab.seconds / 2)))]
    return [lab.script("benchmark_app"), "-m", *models, *device, *time]


def _polygraphy(lab: Lab, models: list[Path], cuda: bool) -> list[str | Path]:
    # It keeps the outputs of all calls in memory, hence the bound.
    calls = ["--warm-up", "10", "--iterations", str(lab.calls(models[0], 5000))]
    device = ["--providers", "cuda" if cuda else "cpu"]
    return [lab.script("polygraphy"), "run", *models, "--onnxrt", "--sequential-runners", *device, *calls]


def _onnxruntime_test(lab: Lab, models: list[Path], cuda: bool) -> list[str | Path]:
    return [lab.script("onnxruntime_test"), *models, str(lab.calls(models[0], 1_000_000))]


def _onnx_perf_test(lab: Lab, models: list[Path], cuda: bool) -> list[str | Path]:
    # It profiles each operator of each call, and reads all of that afterwards, hence the bound.
    device = ["--provider", "CUDA" if cuda else "CPU"]
    return [lab.script("onnx_perf_test"), *models, *device, "--num_runs", str(lab.calls(models[0], 1000))]


_LOOP = r"^median ([\d.]+) ms"
_LOADGEN = r"^50\.00 percentile latency \(ns\)\s*: (\d+)"
TOOLS: tuple[Tool, ...] = (
    Xbench(),
    Peer("loop", "onnxruntime", "median", _harness("loop"), _LOOP, together=True),
    Peer("loop-apart", "onnxruntime", "median", _harness("apart"), _LOOP, together=True),
    Peer("benchmark_app", "openvino", "median", _benchmark_app, r"Median: +([\d.]+) ms"),
    Peer("polygraphy", "polygraphy", "mean", _polygraphy, r"Average inference time: ([\d.]+) ms"),
    Peer("LoadGen", "mlperf_loadgen", "median", _harness("loadgen"), _LOADGEN, unit_ms=1e-6),
    Peer(
        "onnxruntime_test", "onnxruntime", "mean", _onnxruntime_test, r"avg latency: ([\d.]+) ms", names_device=False
    ),
    Peer("onnx_perf_test", "onnx_perf_test", "mean", _onnx_perf_test, r"^model_run: ([\d.]+) "),
)
