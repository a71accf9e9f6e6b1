"""Runs a self-test for a command, and tells what it found."""

from __future__ import annotations

import sys

from ..errors import InterruptedRunError
from ..report.text import visible
from ..report.words import SIMULATED
from ..road.context import RunOptions
from ..selftest.planting import SLOWDOWN
from ..selftest.record import CopyResult, SelfTest
from ..selftest.running import run_self_test
from ..selftest.wording import interval, per_cent
from .showing import STDOUT, show_place, write_data
from .travelling import on_the_way

_NONE = "unknown: there are too few process sets for an interval"


def self_test_and_show(options: RunOptions, keep: bool, json_file: str | None, quiet: bool) -> int:
    """Try the measurement on this machine and show what came of it. Returns the exit code."""
    interrupted = InterruptedRunError("Interrupted", "nothing was judged", "start the self-test again")
    with on_the_way(json_file, quiet, interrupted) as journey:
        found, folder = run_self_test(options, keep, journey)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True), json_file)
    if json_file != STDOUT:
        sys.stdout.write(visible_lines(found))
        if folder is not None:
            show_place(folder)
    sys.stdout.flush()
    return found.exit_code


def visible_lines(found: SelfTest) -> str:
    """The self-test in words, safe for a terminal."""
    lines = [*_heading(found), *_figures(found), _verdict(found)]
    lines += [f"  because {reason}" for reason in found.reasons]
    lines += [f"  to do: {remedy}" for remedy in found.remedies]
    return "".join(visible(line) + "\n" for line in lines)


def _heading(found: SelfTest) -> list[str]:
    device = found.hardware + (SIMULATED if found.simulated else "")
    machine = f"{found.fingerprint.cpu_model}, {found.fingerprint.cpus_usable} CPUs"
    spent = f"{found.process_sets} process sets in {found.measured_seconds:.0f} s"
    return [f"Self-test on {device}: {machine}; {spent}", ""]


def _figures(found: SelfTest) -> list[str]:
    floor = _NONE if found.noise_floor is None else per_cent(found.noise_floor)
    effect = _NONE if found.smallest_effect is None else per_cent(found.smallest_effect)
    if found.smallest_effect is not None:
        effect += f" (with a budget of {found.budget_seconds:g} s)"
    missed = "not decided" if found.planted.verdict == "inconclusive" else "not found"
    planted = f"{'found' if found.planted.found else missed}: {_result(found.planted)}"
    expected = f"expected {found.planted.expected:.3f}x"
    rows = {
        "noise floor": floor,
        "the model's own copy": _result(found.copy_),
        f"planted slowdown of {per_cent(SLOWDOWN)}": f"{planted}; {expected}",
        "smallest effect to be seen": effect,
        "disturbance": _disturbance(found),
    }
    return [*(f"  {name:<28}{value}" for name, value in rows.items()), ""]


def _result(one: CopyResult) -> str:
    return f"{one.verdict}, {interval(one.speedup)}" if one.speedup is not None else one.verdict


def _disturbance(found: SelfTest) -> str:
    one = found.disturbance
    if one is None:
        return "not recorded"
    causes = f" ({', '.join(one.causes)})" if one.causes else ""
    return f"up to {per_cent(one.disturbed_share)} of a variant's blocks{causes}"


def _verdict(found: SelfTest) -> str:
    if found.verdict == "noisy" and found.smallest_effect is not None:
        return f"This machine is fit for effects above {per_cent(found.smallest_effect)}."
    words = {
        "fit": "This machine is fit to measure on.",
        "inconclusive": "Inconclusive: whether this machine is fit could not be decided.",
        "unfit": "This machine is unfit to measure on, as it is now.",
    }
    return words[found.verdict]
