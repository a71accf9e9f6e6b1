"""What a worker reads beside the clock: memory, and what the machine does during a block."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import UnavailableError
from ..machine.conditions import ConditionsProbe
from ..machine.energy import cpu_energy
from ..machine.gpu import gpu
from ..machine.memory import peak_mib, reset_peak, resident_mib
from ..records.measurement import Conditions, MemoryUse
from .messages import Message


class MemoryMeter:
    """Peaks of this process while it loads a model and while it runs it."""

    def __init__(self) -> None:
        self._before = resident_mib()
        self._load_peak = 0.0
        self._reason = ""

    def begin(self) -> None:
        """Right before the model is loaded."""
        self._before = resident_mib()
        self._reason = reset_peak()

    def loaded(self) -> None:
        """Right after the model was loaded."""
        self._load_peak = peak_mib()
        self._reason = reset_peak() or self._reason

    def use(self, device_index: int | None) -> MemoryUse:
        """The peaks, less what was held before the model; and what is held on the device now."""
        run_peak = None if self._reason else max(0.0, peak_mib() - self._before)
        load_peak = self._load_peak if run_peak is not None else peak_mib()
        device_mib, device_reason = _device_memory(device_index)
        return MemoryUse(
            before_model_mib=self._before,
            load_peak_mib=max(0.0, load_peak - self._before),
            run_peak_mib=run_peak,
            reason=self._reason,
            device_mib=device_mib,
            device_reason=device_reason,
        )


def _device_memory(index: int | None) -> tuple[float | None, str]:
    if index is None:
        return None, "the target has no memory of its own"
    device, reason = gpu(index)
    if device is None:
        return None, reason
    used = device.used_mib(os.getpid())
    return used, "" if used is not None else "the driver does not tell what this process holds"


class ConditionsMeter:
    """Reads the conditions of each block; energy is that of the device, or of the CPU's packages."""

    def __init__(self, device_index: int | None) -> None:
        self._gpu, reason = (None, "") if device_index is None else gpu(device_index)
        reader, self.energy_reason = cpu_energy() if device_index is None else (self._gpu, reason)
        self._missing: dict[str, str] = {}
        self._probe = ConditionsProbe(sorted(os.sched_getaffinity(0)), energy=reader)

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be had here, and why."""
        return (*self._probe.notes, *(f"{what}: {why}" for what, why in self._missing.items()))

    def begin(self) -> None:
        """Right before a block."""
        self._probe.begin()

    def end(self) -> Conditions:
        """Right after a block. Clock and throttling are those of the device that computes."""
        seen = self._probe.end()
        if self._gpu is None:
            return seen
        clock_mhz = self._told("clock of the GPU", self._gpu.clock_mhz)
        slowed = self._told("throttling of the GPU", self._gpu.slowed_down)
        return dataclasses.replace(
            seen, frequency_khz=None if clock_mhz is None else clock_mhz * 1000, throttled=slowed
        )

    def _told(self, what: str, read: Callable[[], int]) -> int | None:
        """What the driver tells; None, with a note, where it does not."""
        try:
            return read()
        except UnavailableError as error:
            self._missing[what] = error.reason
            return None


class Observation:
    """The conditions of one block, once it is over; none where the times are scripted."""

    def __init__(self) -> None:
        self.conditions: Conditions | None = None

    def as_message(self) -> Message | None:
        """As it goes through the pipe."""
        return None if self.conditions is None else dataclasses.asdict(self.conditions)


@contextmanager
def observed(meter: ConditionsMeter | None) -> Iterator[Observation]:
    """Read the conditions of what is done in this context."""
    seen = Observation()
    if meter is not None:
        meter.begin()
    yield seen
    if meter is not None:
        seen.conditions = meter.end()
