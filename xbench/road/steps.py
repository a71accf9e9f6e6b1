"""Single steps of the road: a suite's variants pruned, or pruned and exported, and nothing measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .._version import __version__
from ..artifacts.provenance import SIDECAR
from ..errors import InputError, StoreError, XbenchError, did_you_mean
from ..profiles.widths import width_multiple
from ..progress import Journey
from ..records.step import StepRecord, StepRow
from ..sources.factory import require_trust
from ..store.placing import file_stem, put, require_free, workplace
from ..suite.loading import LoadedSuite
from ..suite.model import VariantSpec
from .beginning import find_devices
from .opening import open_workshop, task_of

_GUESS_SECONDS = 6.0
_ENDINGS = {
    "prune": (".safetensors.json", ".safetensors"),
    "export": (".onnx.data", ".onnx", SIDECAR),
}


@dataclass(frozen=True)
class StepOptions:
    """What the command line says. No `variants`: all that are made of the suite's model."""

    output: Path
    variants: tuple[str, ...] = ()
    time_limit: float | None = None
    trusted: bool = False
    force: bool = False
    profile_folders: tuple[Path, ...] = ()


def walk(step: Literal["prune", "export"], loaded: LoadedSuite, options: StepOptions, journey: Journey) -> StepRecord:
    """Make each variant, and put its files into the output folder.

    `prune` writes `NAME.safetensors`, the weights as they are after pruning and training, with a report beside it.
    `export` writes `NAME.onnx`, with its data and its description beside it, checked as in a run.

    A variant that fails costs itself alone, and is a row with its reason. Raises InputError where nothing can be
    made at all, or a file is in the way, before any work; StoreError where the folder cannot be written.
    """
    specs = _chosen(loaded, options.variants)
    _require_trust(loaded, specs, options.trusted)
    names = [file_stem(spec.name) + ending for spec in specs for ending in _ENDINGS[step]]
    require_free(options.output, names, options.force)
    journey.plan(step, len(specs), _GUESS_SECONDS)
    suite, rows = loaded.suite, []
    with workplace(options.output) as place:
        make = _maker(step, loaded, specs, options, place)
        for spec in specs:
            journey.begin(step, spec.name)
            rows.append(_row(spec, make, options, journey))
        journey.end()
    return StepRecord(
        step=step,
        suite=suite.name,
        suite_sha256=loaded.sha256,
        xbench_version=__version__,
        workload=suite.workloads[0].name,
        rows=tuple(rows),
    )


Maker = Callable[[VariantSpec], tuple[StepRow, list[Path]]]
"""Makes one variant: its row, and its files in the order that they are to be put in place."""


def _maker(step: str, loaded: LoadedSuite, specs: Sequence[VariantSpec], options: StepOptions, place: Path) -> Maker:
    """Loads torch and the dense model, once for all variants."""
    from .step_files import exported_files, pruned_files

    suite = loaded.suite
    workshop = open_workshop(
        loaded,
        task_of(loaded, options.trusted),
        artifacts=place,
        time_limit=options.time_limit or suite.measure.time_limit,
        trusted=options.trusted,
        width_multiple=width_multiple_of(loaded, specs, options.profile_folders),
    )
    if step == "prune":
        return lambda spec: pruned_files(spec, workshop)
    return lambda spec: exported_files(spec, workshop, suite.workloads[0])


def width_multiple_of(loaded: LoadedSuite, specs: Sequence[VariantSpec], profile_folders: tuple[Path, ...]) -> int:
    """Which widths suit the suite's targets that are here, in channels; only where a recipe asks for that."""
    if not any(getattr(spec.prune, "round_to", 1) == "profile" for spec in specs):
        return 1
    devices = find_devices(loaded.suite.hardware, profile_folders)
    return width_multiple(device.profile for device in devices if device.availability.available)


def _row(spec: VariantSpec, make: Maker, options: StepOptions, journey: Journey) -> StepRow:
    try:
        row, files = make(spec)
        put(files, options.output, options.force)
        return row
    except StoreError:
        raise  # the others could not be written either
    except XbenchError as error:
        journey.note(f"{spec.name}: {error.reason}")
        return StepRow(
            variant=spec.name,
            recipe=spec.prune,
            failure=error.reason,
            remedy=error.remedy,
            exit_code=error.exit_code,
        )


def _chosen(loaded: LoadedSuite, wanted: Sequence[str]) -> list[VariantSpec]:
    """The variants that are asked for, in the suite's order. Raises InputError."""
    suite = loaded.suite
    known = {spec.name: spec for spec in suite.variants}
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"There is no variant called {name!r}", f"known are {', '.join(known)}", hint)
    specs = [spec for spec in suite.variants if not wanted or spec.name in wanted]
    none_is_made = suite.model is None or suite.model.onnx is not None
    finished = [spec.name for spec in specs if spec.onnx or none_is_made]
    if finished and (wanted or len(finished) == len(specs)):
        raise InputError(
            f"{', '.join(finished)} cannot be pruned or exported",
            "the suite names a finished ONNX file",
            "name a Transformers folder or a factory as the model",
        )
    return [spec for spec in specs if spec.name not in finished]


def _require_trust(loaded: LoadedSuite, specs: Sequence[VariantSpec], trusted: bool) -> None:
    factory = loaded.suite.model.factory if loaded.suite.model else None
    for reference in (*((factory,) if factory else ()), *(name for spec in specs for name in spec.code)):
        require_trust(reference, trusted)
