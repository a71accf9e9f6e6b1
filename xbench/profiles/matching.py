"""Says whether this machine is the one that a profile speaks of (rule 13 of the design)."""

from __future__ import annotations

import platform

from ..machine.fingerprint import cpu_flags
from ..plugins import runner_class
from ..records.profile import Availability, HardwareProfile


def availability(profile: HardwareProfile) -> Availability:
    """Whether the profile can run here: the machine first, then what its runner finds. Imports no runtime."""
    wrong = _wrong_machine(profile)
    if wrong:
        return Availability(
            available=False, reason=wrong, remedy="run on such a machine, or write a profile for this one"
        )
    return runner_class(profile.runner).probe(profile)


def _wrong_machine(profile: HardwareProfile) -> str:
    needs = profile.requires
    machine, system = platform.machine(), platform.system().lower()
    if needs.architectures and machine not in needs.architectures:
        return f"the profile is for {' or '.join(needs.architectures)}, and this machine is {machine}"
    if needs.systems and system not in needs.systems:
        return f"the profile is for {' or '.join(needs.systems)}, and this system is {system}"
    missing = sorted(set(needs.cpu_flags) - cpu_flags())
    if missing:
        return f"this CPU lacks {', '.join(missing)}"
    return ""
