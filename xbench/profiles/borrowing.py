"""The options of another machine's profile, tried on this one (`--as-is`), under this machine's own name."""

from __future__ import annotations

import re
from collections.abc import Container
from itertools import count
from pathlib import Path

from ..machine.described import Machine
from ..plugins import runner_class
from ..records.profile import Facts, HardwareProfile, Requirements
from .matching import machine_differences

_LONGEST = 64  # of a profile's name
_MARKS = re.compile(r"\((r|tm|c)\)", re.IGNORECASE)
_NO_NAME = re.compile(r"[^a-z0-9]+")


def borrowed(profile: HardwareProfile, machine: Machine, taken: Container[str]) -> HardwareProfile:
    """A profile of this machine with the options of a profile of another one.

    Its name is that of the device that computes here, and never one of `taken`; the other machine's facts and
    price are left out, and of what it requires only the libraries stay. Raises InputError for wrong options.
    """
    device = _device(profile, machine)
    different = "; ".join(machine_differences(profile, machine))
    return profile.model_copy(
        update={
            "name": _free_name(device, f".{profile.runner}-{profile.precision}", taken),
            "title": f"{device}, as is: the options of {profile.name}",
            "requires": Requirements(libraries=profile.requires.libraries),
            "facts": Facts(),
            "cost_per_hour": None,
            "cost_source": "",
            "evidence": f"as is: the profile {profile.name} is for another machine ({different})",
            "auto": False,
        }
    )


def _device(profile: HardwareProfile, machine: Machine) -> str:
    """What computes here: the GPU, or whichever of several unlike ones, if the runner takes one; else the CPU."""
    runner = runner_class(profile.runner)(Path(), profile.name, profile)
    if runner.device_index is None:
        return machine.cpu_model
    if not machine.gpus:  # the runner finds one, and its driver does not tell its name
        return "unknown GPU"
    return " or ".join(dict.fromkeys(gpu.name + (" MIG" if gpu.partitioned else "") for gpu in machine.gpus))


def _free_name(device: str, ending: str, taken: Container[str]) -> str:
    slug = _NO_NAME.sub("-", _MARKS.sub("", device).lower()).strip("-") or "unknown"
    for number in count(1):
        end = ending if number == 1 else f"{ending}-{number}"
        name = slug[: _LONGEST - len(end)].rstrip("-") + end
        if name not in taken:
            return name
    raise AssertionError("numbers do not end")
