"""Chooses widths by latency for a command, and tells what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ..errors import InputError, InterruptedRunError
from ..fitting.asking import Asked, report_name, suite_name
from ..fitting.story import fit
from ..records.comparison import Comparison
from ..records.estimate import interval_text
from ..records.fit import FitRecord, FitSide
from ..report.text import visible
from ..road.steps import StepOptions
from ..suite.loading import LoadedSuite
from ..suite.rewriting import place_of
from .parsing import seconds_of
from .plain_table import visible_table
from .showing import STDOUT, show_place, write_data
from .travelling import on_the_way

_NOT_REACHED = 1
_INVALID = 4
_NONE = "-"


def fit_options(options: StepOptions, target: str | None, speedup: float | None, budget: str | None) -> Asked:
    """What `prune` was asked besides its own options. Raises InputError where one goes without the other."""
    if target is None or speedup is None:
        given = "--target" if target is not None else "--speedup" if speedup is not None else "--budget"
        missing = " and ".join(name for name, one in (("--target", target), ("--speedup", speedup)) if one is None)
        raise InputError(
            f"{given} goes with {missing}",
            "widths are chosen for a speedup on a target",
            "write, such as, --target cpu --speedup 2.0",
        )
    if len(options.variants) > 1:
        raise InputError(
            "--variant was given more than once",
            "with --target it names the one variant whose importance and scope are taken",
            "name one, or none",
        )
    return Asked(
        target=target,
        speedup=speedup,
        output=options.output,
        variant=options.variants[0] if options.variants else None,
        budget=seconds_of("--budget", budget),
        time_limit=options.time_limit,
        trusted=options.trusted,
        force=options.force,
        profile_folders=options.profile_folders,
    )


def fit_and_show(loaded: LoadedSuite, asked: Asked, json_file: str | None, quiet: bool) -> int:
    """Search, and show what was found. Returns the exit code: 1 where the speedup was not reached, 4 where it is not
    valid.
    """
    interrupted = InterruptedRunError(
        "Interrupted",
        "the latency tables that were finished are kept",
        "start the command again: it goes on with them",
    )
    with on_the_way(json_file, quiet, interrupted) as journey:
        found = fit(loaded, asked, journey)
    code = exit_code(found)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True) | {"exit_code": code}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found))
        sys.stdout.write(
            visible(f"The suite with both: {place_of(loaded, asked.output) / suite_name(loaded)}; ")
            + f"all figures: {report_name(loaded)}\n"
        )
        show_place(asked.output)
    sys.stdout.flush()
    return code


def exit_code(found: FitRecord) -> int:
    """0 where the latency-aware variant is as fast as was asked for, or faster."""
    if any(one.verdict == "invalid" for one in found.comparisons):
        return _INVALID
    return _NOT_REACHED if found.latency_aware.best.measured.point < found.wanted_speedup else 0


def as_text(found: FitRecord) -> str:
    """The two ways side by side, the widths of each group, and what that means; safe for a terminal."""
    sides = (found.uniform, found.latency_aware)
    metrics = [gap.metric for gap in found.gaps]
    headers = ("variant", "rounds", "predicted", "measured", "importance lost", *metrics)
    rows = [("dense", _NONE, _NONE, _NONE, "0", *(_quality(found, "dense", name) for name in metrics))]
    rows += [_side(found, side, metrics) for side in sides]
    head = (
        f"On {found.hardware}, workload {found.workload}: {found.wanted_speedup:.2f}x over dense was asked for; "
        f"dense takes {found.dense_latency_us / 1e3:.3g} ms, "
        f"the layers with tables {found.layers_latency_us / 1e3:.3g} ms."
    )
    table = visible_table(rows, headers)
    lines = "".join(f"{visible(line)}\n" for line in _remarks(found))
    return f"{visible(head)}\n\n{table}\n{_widths(found)}\n{lines}"


def _side(found: FitRecord, side: FitSide, metrics: list[str]) -> tuple[str, ...]:
    last = next((one for one in found.comparisons if one.candidate == side.variant), None)
    return (
        side.variant,
        str(len(side.rounds)),
        f"{side.best.predicted_speedup:.2f}x",
        _measured(last),
        f"{side.best.importance_lost:.4g}",
        *(_quality(found, side.variant, name) for name in metrics),
    )


def _measured(last: Comparison | None) -> str:
    return _NONE if last is None or last.speedup is None else interval_text(last.speedup)


def _quality(found: FitRecord, variant: str, metric: str) -> str:
    """`dense` is the baseline by whatever name: the first that was scored."""
    named = found.comparisons[0].baseline if variant == "dense" and found.comparisons else variant
    results = next((one for one in found.quality if one.variant == named), None)
    value = results.metric(metric) if results is not None else None
    return _NONE if value is None else f"{value.value:.4f}"


def _widths(found: FitRecord) -> str:
    headers = ("layer", "units", "dense", "uniform", "latency-aware", "lost: uniform", "lost: latency-aware")
    rows = [
        (
            group.name,
            group.kind,
            str(group.dense),
            str(group.uniform),
            str(group.latency_aware),
            f"{group.uniform_lost:.3g}",
            f"{group.latency_aware_lost:.3g}",
        )
        for group in found.groups
    ]
    return visible_table(rows, headers)


def _remarks(found: FitRecord) -> Iterator[str]:
    for side in (found.uniform, found.latency_aware):
        if side.not_reached:
            point = side.best.measured.point
            yield f"{side.variant} is not what was asked for: {point:.2f}x in its rounds; {side.not_reached}."
    for one in found.comparisons:
        if one.speedup is not None and one.speedup.relative_half_width > found.tolerance:
            width = one.speedup.relative_half_width
            yield f"The speedup of {one.candidate} is known to +-{width:.0%} only: give more time with --budget."
    yield verdict(found)
    yield f"Importance lost: {found.loss_unit} ({found.importance})."
    if found.simulated:
        yield "Times are scripted by a runner for tests: no figure means anything."
    yield from found.flat
    yield from found.notes


def verdict(found: FitRecord) -> str:
    """Whether choosing widths by latency was worth it, in a sentence."""
    uniform, aware = found.uniform.best, found.latency_aware.best
    lost = f"it loses {aware.importance_lost:.4g} of importance, and uniform pruning {uniform.importance_lost:.4g}"
    last = [one.speedup for one in found.comparisons if one.speedup is not None]
    both = [one.point for one in last] if len(last) == 2 else [aware.measured.point, uniform.measured.point]
    unequal = max(both) / min(both) - 1 > found.tolerance
    care = "; but the two are not equally fast, so this is no fair comparison" if unequal else ""
    if not found.gaps:
        better = aware.importance_lost < uniform.importance_lost
        told = "Latency-aware widths keep more" if better else "Latency-aware widths do not help here"
        return f"{told}: {lost}{care}. Quality was not scored: the suite has no key evaluate."
    gap = found.gaps[0]
    gain = f"{gap.metric} is {gap.latency_aware:.4f}, and {gap.uniform:.4f} with uniform widths"
    gain += f" (gain {interval_text(gap.gain, '', 4)})"
    if gap.gain.low > 0:
        return f"Latency-aware widths help: {gain}; {lost}{care}."
    if gap.gain.high < 0:
        return f"Latency-aware widths are worse here, take the uniform ones: {gain}; {lost}{care}."
    return f"Latency-aware widths are not shown to help: {gain}, which may be chance; {lost}{care}."
