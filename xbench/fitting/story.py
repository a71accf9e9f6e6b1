"""The search for widths, in one look: tables, rounds of latency-aware and of uniform widths, one last comparison."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .._version import __version__
from ..analysis.dropping import value_of
from ..analysis.quality import QualityOptions, quality_result
from ..analysis.scored import scored
from ..progress import Journey
from ..records.estimate import Estimate
from ..records.fit import FitGroup, FitRecord, FitSide, QualityGap
from ..records.run_record import RunRecord
from ..road.context import Context
from ..store.files import storing, write_text
from ..store.placing import put, workplace
from ..suite.loading import LoadedSuite
from ..suite.rewriting import place_of, suite_text
from .asking import Asked, check, report_name, suite_name
from .bench import Bench, open_bench
from .dialling import kept, loss_unit
from .predicting import Prediction, predict, tell_cost
from .reaching import TOLERANCE, Choice, Reached, reach


def fit(loaded: LoadedSuite, asked: Asked, journey: Journey) -> FitRecord:
    """Choose widths that reach `asked.speedup` on the target as measured, and uniform ones that reach the same.

    Writes both variants (weights and ONNX file), the dense model's ONNX file, the suite with the widths pasted and
    the report as data. Raises InputError for what cannot be asked or reached, UnavailableError and InvalidError for a
    target that cannot be measured on here, StoreError.
    """
    started = time.monotonic()
    profile, recipe, whence = check(loaded, asked)
    with workplace(asked.output) as place:
        bench = open_bench(loaded, asked, profile, recipe, place, journey)
        journey.note(whence)
        tell_cost(bench, journey)
        prediction = predict(bench, journey)
        prediction.require(asked.speedup)
        aware = _side(bench, prediction, asked.latency_aware, journey)
        uniform = _side(bench, prediction, asked.uniform, journey)
        files = _placed(bench, (uniform, aware))
        race, context = bench.race(
            {name: asked.output / file for name, file in files.items()}, scored=True, kept=asked.output / "results"
        )
        record = _record(bench, prediction, (uniform, aware), whence, (race, context))
        record = record.model_copy(update={"measured_seconds": time.monotonic() - started})
        target = asked.output / report_name(loaded)
        with storing(target):
            write_text(target, record.model_dump_json(by_alias=True, indent=1) + "\n")
        return record


def _side(bench: Bench, prediction: Prediction, name: str, journey: Journey) -> FitSide:
    """The rounds of one way of choosing, each told as it is measured."""
    uniform = name == bench.asked.uniform
    rounds = 0

    def measure(choice: Choice) -> Estimate:
        nonlocal rounds
        rounds += 1
        found = bench.measured(name, rounds, choice.widths)
        journey.note(
            f"{name}, round {rounds}: {choice.speedup:.2f}x was predicted, and {found.point:.2f}x measured "
            f"({found.low:.2f} to {found.high:.2f})"
        )
        return found

    choose = prediction.uniform if uniform else prediction.latency_aware
    reached: Reached = reach(bench.asked.speedup, choose, measure)
    share = prediction.share_of(reached.best.widths) if uniform else None
    return FitSide(variant=name, rounds=reached.rounds, taken=reached.taken, not_reached=reached.why, share=share)


def _placed(bench: Bench, sides: Sequence[FitSide]) -> dict[str, str]:
    """All files under their names in the output folder, the suite last. ONNX files by variant, the baseline first."""
    loaded, asked = bench.loaded, bench.asked
    files, graphs = bench.dense_files()
    specs = [bench.spec(side.variant, side.best.widths) for side in sides]
    for side, spec in zip(sides, specs, strict=True):
        made, graph = bench.files_of(spec, side.taken + 1)
        files, graphs = [*files, *made], graphs | graph
    place = place_of(loaded, asked.output)
    command = f"xbench prune --target {asked.target} --speedup {asked.speedup:g}"
    text = suite_text(loaded, specs, place, command)
    put(files, asked.output, asked.force)
    with storing(place):
        write_text(place / suite_name(loaded), text)
    return graphs


def _record(
    bench: Bench,
    prediction: Prediction,
    sides: tuple[FitSide, FitSide],
    whence: str,
    last: tuple[RunRecord, Context],
) -> FitRecord:
    loaded, asked, (race, context), (uniform, aware) = bench.loaded, bench.asked, last, sides
    group = race.group(bench.profile.name, loaded.suite.workloads[0].name)
    return FitRecord(
        schema="xbench.fit/1",
        suite=loaded.suite.name,
        suite_sha256=loaded.sha256,
        xbench_version=__version__,
        fingerprint=bench.fingerprint,
        hardware=bench.profile.name,
        workload=loaded.suite.workloads[0].name,
        simulated=prediction.tables.simulated,
        wanted_speedup=asked.speedup,
        tolerance=TOLERANCE,
        importance=bench.recipe.importance,
        loss_unit=loss_unit(bench.recipe.importance),
        dense_latency_us=prediction.dense_us,
        layers_latency_us=prediction.layers_us,
        most_predicted_speedup=prediction.most,
        uniform=uniform,
        latency_aware=aware,
        groups=_groups(bench, uniform, aware),
        comparisons=group.comparisons if group else (),
        quality=race.quality,
        gaps=_gaps(bench, race, context),
        flat=prediction.tables.flat_stretches(),
        notes=(whence, *bench.prunable.notes, *prediction.notes),
        files=bench.written(),
        run=race.id,
    )


def _groups(bench: Bench, uniform: FitSide, aware: FitSide) -> tuple[FitGroup, ...]:
    groups, ranked = bench.prunable.groups, bench.recipe.importance
    lost = [kept(groups, side.best.widths, ranked) for side in (uniform, aware)]
    return tuple(
        FitGroup(
            name=group.name,
            kind=group.kind,
            dense=group.units,
            uniform=uniform.best.widths[group.name],
            latency_aware=aware.best.widths[group.name],
            uniform_lost=lost[0][group.name],
            latency_aware_lost=lost[1][group.name],
        )
        for group in groups
    )


def _gaps(bench: Bench, race: RunRecord, context: Context) -> tuple[QualityGap, ...]:
    """Latency-aware against uniform on the same examples, paired; none where one of them was not scored."""
    at = {state.name: number for number, state in enumerate(race.variants)}
    device = next(number for number, one in enumerate(race.devices) if one.profile.name == bench.profile.name)
    uniform, aware = (context.folder.scores(at[n], device) for n in (bench.asked.uniform, bench.asked.latency_aware))
    if uniform is None or aware is None:
        return ()
    known = context.task.metrics if context.task is not None else {}
    found = quality_result(uniform, aware, None, known, QualityOptions(bench.loaded.suite.measure.seed))
    rows = scored(uniform) & scored(aware)
    gaps = []
    for one in found.metrics:
        if one.value is None or one.drop is None:
            context.journey.note(one.note)
            continue
        latency_aware = value_of(known.get(one.metric), aware.metrics[one.metric][rows])
        gaps.append(QualityGap(metric=one.metric, latency_aware=latency_aware, uniform=one.value, gain=one.drop))
    return tuple(gaps)
