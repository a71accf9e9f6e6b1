"""What tests of planted faults share: a device whose every time is scripted, and what a run says of it."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from road.road_kit import Silence, in_this_process, start

from xbench.measure.interleave import measure_set
from xbench.progress import Journey
from xbench.records.comparison import Comparison
from xbench.records.measurement import CaseSummary, ProcessSet
from xbench.records.run_record import GroupState, RunRecord
from xbench.report.markdown import render
from xbench.report.words import sentence
from xbench.road.context import RunOptions
from xbench.road.story import travel
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.suite.loading import load_suite

ROUNDS = 24
# Nothing is timed for long here; a busy machine only makes it later.
PATIENCE_SECONDS = 600


def scripted(monkeypatch) -> None:
    """No process, no turn to wait for, and as many rounds however busy this machine is: the seed decides all."""
    in_this_process(monkeypatch)
    monkeypatch.setattr("xbench.measure.interleave._rounds", lambda *_: ROUNDS)
    for stage in ("measuring", "proving"):
        monkeypatch.setattr(f"xbench.road.{stage}.alone_on_the_machine", contextlib.nullcontext)


@dataclass(frozen=True)
class Found:
    """A run of one device and workload, and what it tells."""

    record: RunRecord
    folder: RunFolder

    @property
    def group(self) -> GroupState:
        (group,) = self.record.groups
        return group

    @property
    def sets(self) -> list[ProcessSet]:
        """The raw samples, as they were saved."""
        return self.folder.sets(0)

    @property
    def text(self) -> str:
        """What `xbench report --details` writes into a file."""
        return render(self.record, details=True)

    def comparison(self, candidate: str) -> Comparison:
        return next(one for one in self.group.comparisons if one.candidate == candidate)

    def sentence(self, candidate: str) -> str:
        """What `xbench compare` ends with."""
        return sentence(self.comparison(candidate))

    def summary(self, variant: str) -> CaseSummary:
        found = next(case.summary for case in self.group.cases if case.variant == variant)
        assert found is not None
        return found

    def samples(self, variant: str, sets=slice(None)) -> np.ndarray:
        """All timed calls of a variant in these sets, ns."""
        runs = [one.run_of(variant) for one in self.sets[sets]]
        return np.concatenate([block.samples_ns for run in runs for block in run.blocks])

    def row(self, title: str, variant: str) -> dict[str, str]:
        """A variant's row of the table with this title, by column."""
        lines = self.text.partition(f"### {title}")[2].partition("\n### ")[0].splitlines()
        columns, _, *rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
        cells = next(row for row in rows if row[0].strip() == variant)
        return {name.strip(): cell.strip() for name, cell in zip(columns, cells, strict=True)}


def travelled(suite: Path, **options) -> Found:
    """A run of this suite; `options` as `RunOptions` takes them."""
    here = {"output": suite.parent / "results", "profile_folders": (suite.parent / "profiles",)}
    record, context = travel(load_suite(suite), RunOptions(**{**here, **options}), Journey(Silence()))
    return Found(record, context.folder)


def halted(suite: Path, monkeypatch, **options) -> RunFolder:
    """The folder of a run that was ended, as by Ctrl-C, after its first set."""

    def once(entries, plan, number, on_round):
        if number:
            raise KeyboardInterrupt
        return measure_set(entries, plan, number, on_round)

    with monkeypatch.context() as patch:
        patch.setattr("xbench.road.measuring.measure_set", once)
        with contextlib.suppress(KeyboardInterrupt):
            travelled(suite, **options)
    (folder,) = ResultsFolder(suite.parent / "results").runs()
    assert folder.load().status == "running"
    return folder


def command(*arguments: object) -> tuple[int, str, str]:
    """`xbench` in a process of its own: exit code, standard output, standard error."""
    with start(*arguments) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, out, err


def dense_chain(path: Path, weights, rows: int = 1) -> Path:
    """x is multiplied by each weight (square, of one size) in turn; one of float16 is cast to float32 before."""
    size = weights[0].shape[0]
    nodes, last = [], "x"
    for index, weight in enumerate(weights):
        factor = f"w{index}"
        if weight.dtype == np.float16:
            nodes.append(helper.make_node("Cast", [factor], [f"{factor} wide"], to=TensorProto.FLOAT))
            factor += " wide"
        nodes.append(helper.make_node("MatMul", [last, factor], [f"y{index}"], name=f"product{index}"))
        last = f"y{index}"
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size]) for name in ("x", last))
    stored = [numpy_helper.from_array(weight, f"w{index}") for index, weight in enumerate(weights)]
    graph = helper.make_graph(nodes, "chain", [x], [y], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path
