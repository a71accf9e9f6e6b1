"""What to do about a machine that is not quite fit: most likely to help first."""

from __future__ import annotations

from ..records.fingerprint import Fingerprint
from ..records.measurement import DisturbanceSummary
from ..records.run_record import GroupState
from .record import Fitness
from .wording import per_cent

# Governors of the Linux kernel (Documentation/admin-guide/pm/cpufreq.rst) that let the clock follow the load.
_CHANGING = ("powersave", "ondemand", "conservative", "schedutil")


def remedies(
    verdict: Fitness,
    group: GroupState,
    disturbance: DisturbanceSummary | None,
    fingerprint: Fingerprint,
    seconds_to_settle: float | None,
) -> tuple[str, ...]:
    """Sentences, none for a machine that is fit. `seconds_to_settle` is about what the planted slowdown needs."""
    if verdict == "fit":
        return ()
    return tuple(
        line
        for line in (
            _others(disturbance),
            _steal(group, disturbance),
            _governor(fingerprint),
            _limit(fingerprint),
            _budget(seconds_to_settle),
            "keep threads on CPUs of their own: `threads` below the number of CPUs, in a profile of yours",
        )
        if line
    )


def _others(disturbance: DisturbanceSummary | None) -> str:
    if disturbance is None or not disturbance.disturbed_share:
        return "close other programs, and run nothing beside a measurement"
    causes = f" ({', '.join(disturbance.causes)})" if disturbance.causes else ""
    share = per_cent(disturbance.disturbed_share)
    return f"close other programs: up to {share} of a variant's blocks were disturbed{causes}"


def _steal(group: GroupState, disturbance: DisturbanceSummary | None) -> str:
    found = [group.steal_share, disturbance.steal_share if disturbance is not None else None]
    steal = max((share for share in found if share is not None), default=0.0)
    taken = f"other guests of this host took up to {per_cent(steal)} of the CPU time"
    return f"{taken}: measure on a host of your own" if steal > 0 else ""


def _governor(fingerprint: Fingerprint) -> str:
    if fingerprint.governor not in _CHANGING:
        return ""
    return (
        f"the CPU's clock follows the load (governor {fingerprint.governor}): "
        "`sudo cpupower frequency-set --governor performance` keeps it up"
    )


def _limit(fingerprint: Fingerprint) -> str:
    limit = fingerprint.cgroup_cpu_limit
    if limit is None or limit >= fingerprint.cpus_usable:
        return ""
    return f"the container may use no more than {limit:g} of {fingerprint.cpus_usable} CPUs: raise its limit"


def _budget(seconds_to_settle: float | None) -> str:
    settle = f": about {seconds_to_settle:.0f} s more would decide the planted slowdown" if seconds_to_settle else ""
    return f"give more time with --budget{settle}"
