"""Probes a machine's own ceilings through a profile: memory copy, and matrix products by precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError, WorkerError, XbenchError
from ..machine.cpus import thread_count
from ..machine.turns import alone_on_the_machine
from ..onnxfile.matmul import Form, write_matmul
from ..plugins import runner_class
from ..records.ceilings import MeasuredRate
from ..records.profile import HardwareProfile, Precision
from .copying import array_bytes
from .inspection import LoadedModel, check_placement
from .model_file import needs_module
from .process import WorkerProcess

MEMORY_COPY: Literal["memory_copy"] = "memory_copy"
_PRECISIONS: tuple[Precision, ...] = get_args(Precision)

# What a model may hold for the target to compute in a precision; a runtime may lower fp32 by itself. The
# runner's own proof of the precision decides which of them counts.
_FORMS: dict[Precision, tuple[Form, ...]] = {
    "fp32": ("fp32",),
    "tf32": ("fp32",),
    "fp16": ("fp16", "fp32"),
    "bf16": ("bf16", "fp32"),
    "int8": ("integer", "qdq"),
}
_WORDS: dict[Form, str] = {
    "fp32": "MatMul of fp32",
    "fp16": "MatMul of fp16",
    "bf16": "MatMul of bf16",
    "integer": "MatMulInteger",
    "qdq": "MatMul between Q/DQ",
}
_GAIN = 1.05
# One size without a gain may be another program's doing.
_FLAT_SIZES = 2


@dataclass(frozen=True, slots=True)
class Probe:
    """How much is tried. Products grow until two sizes in a row are not 5 % quicker than the best before.

    `call_seconds` bounds one inference: a size that would take longer is not tried. `copy_bytes`: size of each
    of the two arrays; None: what STREAM's rules ask for on this machine.
    """

    precisions: tuple[Precision, ...] = _PRECISIONS
    sizes: tuple[int, ...] = (256, 512, 1024, 2048, 4096, 8192, 16384)
    repeats: int = 10
    copy_bytes: int | None = None
    call_seconds: float = 1.0
    time_limit: float = 120.0

    @property
    def steps(self) -> tuple[Literal["memory_copy"] | Precision, ...]:
        """What is measured, in order."""
        return (MEMORY_COPY, *self.precisions)


@dataclass(slots=True)
class Probed:
    """What was found. `missing`: why there is no figure, by precision or `memory_copy`."""

    memory_copy_gb_per_s: MeasuredRate | None = None
    matmul_tops: dict[Precision, MeasuredRate] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def probe_ceilings(profile: HardwareProfile, how: Probe, begin: Callable[[str], None]) -> Probed:
    """Measure one ceiling after another, each in workers of its own, while no other xbench of this user times.

    `begin` is told what comes next, one of `how.steps`. What cannot be had is left out with its reason; nothing is
    raised for it. Raises InvalidError for a runner that takes no ONNX files.
    """
    if needs_module(profile):
        raise InvalidError(
            f"The ceilings of {profile.name} cannot be measured",
            "its runner takes PyTorch's programs, and the products are ONNX files",
            "probe a profile of another runner, such as cpu",
        )
    found = Probed()
    for step in how.steps:
        begin(step)
        try:
            with alone_on_the_machine():
                if step == MEMORY_COPY:
                    found.memory_copy_gb_per_s = _memory_copy(profile, how)
                else:
                    found.matmul_tops[step] = _matmul(profile, step, how)
        except XbenchError as error:
            found.missing[step] = error.reason
    return found


def _memory_copy(profile: HardwareProfile, how: Probe) -> MeasuredRate:
    size = how.copy_bytes or array_bytes()
    threads = thread_count(profile.threads)
    with WorkerProcess(Path("memory"), "memory copy", profile, how.time_limit) as process:
        answer = process.request("copy_memory", array_bytes=size, threads=threads, repeats=how.repeats)
    what = f"NumPy copy of {size / 2**20:.0f} MiB, {threads} threads; bytes read and written both count"
    return _rate(2 * size / 1e9, answer["samples_ns"], what)


def _rate(amount: float, samples_ns: Sequence[int], what: str) -> MeasuredRate:
    """An amount of work by the second, over repeats that took so many nanoseconds each."""
    times = np.asarray(samples_ns, dtype=float)
    if not len(times) or times.min() <= 0:
        raise InvalidError(f"{what} took no time that the clock can tell")
    rates: NDArray[np.float64] = amount / (times / 1e9)
    low, median, high = np.percentile(rates, [25, 50, 75])
    return MeasuredRate(
        best=float(rates.max()),
        median=float(median),
        spread=float((high - low) / median),
        repeats=len(rates),
        what=what,
    )


def _matmul(profile: HardwareProfile, precision: Precision, how: Probe) -> MeasuredRate:
    """The best rate of all forms that the target proves to compute in this precision.

    Raises InvalidError where the profile's options rule the precision out, and otherwise what the first form
    failed with where none can be had.
    """
    target = profile.model_copy(update={"precision": precision})
    try:
        state = runner_class(profile.runner).probe(target)
    except InputError as error:
        raise InvalidError(error.found or error.asked) from error
    if not state.available:
        raise InvalidError(state.reason)
    rates: list[MeasuredRate] = []
    failures: list[XbenchError] = []
    for form in _FORMS[precision]:
        try:
            rates.append(_rising(target, form, how))
        except (InvalidError, WorkerError) as error:
            failures.append(error)
        if rates and precision != "int8":
            break
    if not rates:
        raise failures[0]
    return max(rates, key=lambda rate: rate.best)


def _rising(profile: HardwareProfile, form: Form, how: Probe) -> MeasuredRate:
    """Larger and larger products, until the rate no longer rises."""
    best: MeasuredRate | None = None
    flat = 0
    for size in how.sizes:
        try:
            rate, call_seconds = _one_size(profile, form, size, how)
        except (InvalidError, WorkerError):
            if best is None:
                raise
            break  # too large for this target; what is smaller was measured
        flat = 0 if best is None or rate.best > _GAIN * best.best else flat + 1
        best = rate if best is None or rate.best > best.best else best
        # The work of a product grows with the cube of its size.
        if flat == _FLAT_SIZES or 8 * call_seconds > how.call_seconds:
            break
    if best is None:
        raise InvalidError("No size of a product was tried")
    return best


def _one_size(profile: HardwareProfile, form: Form, size: int, how: Probe) -> tuple[MeasuredRate, float]:
    """The rate at one size, and how long an inference takes in seconds. Its placement and precision are proven."""
    label = f"matmul-{form}-{size}"
    with tempfile.TemporaryDirectory(prefix="xbench-") as name:
        folder = Path(name)
        path = folder / f"{label}.onnx"
        feeds, operations = write_matmul(path, form, size)
        with WorkerProcess(path, label, profile, how.time_limit) as process:
            model = LoadedModel(process, folder)
            samples = model.timed(feeds, how.repeats)
            report = model.profile(feeds, optimised=True)
            check_placement(model.placement, report.provider_ns, profile)
    rate = _rate(operations / 1e12, samples, f"{_WORDS[form]}, {size} x {size}")
    return rate, float(np.median(samples)) / 1e9
