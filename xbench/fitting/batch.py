"""Measures one signature at several widths: all points in the same processes, in an order drawn anew in each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..analysis.disturbance import disturbed
from ..errors import InvalidError, WorkerError, XbenchError
from ..measure.exchange import write_inputs
from ..measure.inspection import check_placement, loaded
from ..measure.messages import Message
from ..measure.process import WorkerProcess
from ..onnxfile.one_layer import write_layer
from ..records.latency import LayerSignature
from ..records.measurement import Conditions, Placement
from ..records.profile import HardwareProfile

COPIES = (1, 3)
"""How often the layer stands in the two files whose times are compared; see `Batch`."""
FEWEST_SETS = 2


@dataclass(frozen=True, slots=True)
class Measuring:
    """How much is measured. `sets`: fresh processes, each of which visits each point once.

    With 6 of them the smallest and the largest figure hold the true median 97 times in 100, however they scatter.
    In a visit each file has two turns, in each of which it is loaded, warmed up and timed for so many seconds, and
    called three times at least. A visit that something else disturbed is made again, up to so many `tries`: what
    decides is what the kernel tells of waiting and of stolen time, never the figure itself.
    """

    sets: int = 6
    warmup_seconds: float = 0.002
    block_seconds: float = 0.005
    tries: int = 3
    time_limit: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sets < FEWEST_SETS or self.tries < 1:
            raise ValueError(f"{self.sets} process(es), {self.tries} tries: at least {FEWEST_SETS} and 1 are needed")


@dataclass(frozen=True, slots=True)
class Job:
    """One point to measure. `copy` tells the second copy of the widest one from the first."""

    inputs: int
    outputs: int
    copy: int = 0


@dataclass(slots=True)
class Seen:
    """What the processes saw of one point: one latency from each, us, in their order; or why it failed."""

    latencies_us: list[float] = field(default_factory=list)
    samples: int = 0
    disturbed: int = 0
    failure: str = ""


def label_of(signature: LayerSignature, inputs: int, outputs: int, copies: int) -> str:
    """How a runner and an error name one file."""
    return f"{signature.words()}, {inputs} x {outputs}, {copies} times"


class Batch:
    """The points of one signature while they are measured.

    What a layer adds to a model is the difference between a file in which it stands three times and one in which it
    stands once, by two: the call itself, and the reordering of what goes in and out, which a layer in the middle of a
    model does not have, are in both and fall out. One session lives at a time, as where a model is deployed.
    """

    def __init__(
        self, signature: LayerSignature, profile: HardwareProfile, how: Measuring, cpus: int, jobs: Sequence[Job]
    ) -> None:
        self._signature, self._profile, self._how, self._cpus = signature, profile, how, cpus
        self.seen = {job: Seen() for job in jobs}

    def prove(self, job: Job) -> None:
        """Prove, in a profiled run apart, that the target computes such layers itself, in its precision.

        Raises InvalidError where it does not.
        """
        label = label_of(self._signature, job.inputs, job.outputs, COPIES[-1])
        with tempfile.TemporaryDirectory(prefix="xbench-") as folder:
            path = Path(folder) / "layer.onnx"
            feeds = write_layer(path, self._signature, job.inputs, job.outputs, COPIES[-1])
            with loaded(path, label, self._profile, self._how.time_limit) as model:
                report = model.profile(feeds, optimised=True)
                check_placement(model.placement, report.provider_ns, self._profile)

    def measure(self, on_visit: Callable[[float], None]) -> None:
        """Visit all points in each process. `on_visit` hears, between visits, which share is done."""
        visits = self._how.sets * len(self.seen)
        with tempfile.TemporaryDirectory(prefix="xbench-") as folder:
            for number in range(self._how.sets):
                done = number * len(self.seen)
                self._one_set(Path(folder), number, lambda n, done=done: on_visit((done + n) / visits))  # type: ignore[misc]

    def _one_set(self, folder: Path, number: int, tell: Callable[[int], None]) -> None:
        random = np.random.default_rng([self._how.seed, number])
        jobs = list(self.seen)
        order = [jobs[place] for place in random.permutation(len(jobs))]
        with ExitStack() as stack:
            process, warm = self._process(stack), False
            for count, job in enumerate(order):
                seen = self.seen[job]
                try:
                    if not seen.failure:
                        if not warm:  # the first session of a process pays for what all of them share
                            self._call_ns(process, folder, job, COPIES[0], Seen())
                        warm = True
                        self._visit(process, folder, job, seen, random.permutation(COPIES).tolist())
                except WorkerError as error:
                    seen.failure = error.reason
                    stack.close()
                    process, warm = self._process(stack), False
                except XbenchError as error:
                    seen.failure = error.reason
                tell(count + 1)

    def _process(self, stack: ExitStack) -> WorkerProcess:
        label = self._signature.words()
        return stack.enter_context(WorkerProcess(Path("layers"), label, self._profile, self._how.time_limit))

    def _visit(self, process: WorkerProcess, folder: Path, job: Job, seen: Seen, copies: Sequence[int]) -> None:
        """One more figure. A visit in which something else held the processor is made again, and marked at last."""
        for _ in range(self._how.tries):
            tried = Seen()
            latency_us = self._there_and_back(process, folder, job, tried, copies)
            if not tried.disturbed:
                break
        seen.latencies_us.append(latency_us)
        seen.samples += tried.samples
        seen.disturbed += bool(tried.disturbed)

    def _there_and_back(
        self, process: WorkerProcess, folder: Path, job: Job, seen: Seen, copies: Sequence[int]
    ) -> float:
        """The latency of one layer, us. In this order (ABBA) what drifts in a straight line falls out."""
        times: dict[int, list[float]] = {count: [] for count in COPIES}
        for count in (*copies, *reversed(copies)):
            times[count].append(self._call_ns(process, folder, job, count, seen))
        few, many = COPIES
        return float(np.mean(times[many]) - np.mean(times[few])) / (many - few) / 1000

    def _call_ns(self, process: WorkerProcess, folder: Path, job: Job, copies: int, seen: Seen) -> float:
        """The median time of a call of one file, ns."""
        path, inputs = folder / "layer.onnx", folder / "inputs.npz"
        write_inputs(inputs, [write_layer(path, self._signature, job.inputs, job.outputs, copies)])
        answer: Message = process.request(
            "visit",
            path=str(path),
            label=label_of(self._signature, job.inputs, job.outputs, copies),
            inputs=str(inputs),
            warmup_seconds=self._how.warmup_seconds,
            block_seconds=self._how.block_seconds,
        )
        _require_placed(Placement.model_validate(answer["placement"]))
        told = answer["conditions"]
        if told is not None and disturbed(Conditions(**told), self._cpus):
            seen.disturbed += 1
        seen.samples += len(answer["samples_ns"])
        return float(np.median(answer["samples_ns"]))


def _require_placed(placement: Placement) -> None:
    """A file of one layer has no node that may be elsewhere."""
    others = {name: count for name, count in placement.nodes.items() if name != placement.asked}
    if others:
        where = ", ".join(f"{count} on {name}" for name, count in others.items())
        raise InvalidError(f"{placement.asked} does not compute this layer alone", f"nodes elsewhere: {where}")
