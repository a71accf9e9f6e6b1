"""The workshop, the dense model's file, its groups and layers, and the track that candidates race on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.fingerprint import fingerprint
from ..profiles.widths import width_multiple
from ..progress import Journey
from ..records.artifact import Artifact
from ..records.estimate import Estimate
from ..records.fingerprint import Fingerprint
from ..records.profile import HardwareProfile
from ..records.recipe import StructuredRecipe
from ..records.run_record import RunRecord
from ..road.context import Context, RunOptions
from ..road.feeding import feeding
from ..road.opening import open_workshop, task_of
from ..suite.loading import LoadedSuite
from ..suite.model import Suite, VariantSpec
from .asking import BUDGET, Asked, names_of_files, suite_name
from .fitted_suite import widths_of
from .layers import FittedLayer, layers_to_measure
from .racing import Track

if TYPE_CHECKING:
    from ..prepare.workshop import Workshop
    from ..pruning.groups import Prunable


@dataclass
class Bench:
    """All that stays the same while widths are searched for; `_made` are the artifacts of the rounds, by name."""

    loaded: LoadedSuite
    asked: Asked
    profile: HardwareProfile
    recipe: StructuredRecipe
    place: Path
    fingerprint: Fingerprint
    workshop: Workshop
    dense: Artifact
    make_seconds: float
    prunable: Prunable
    layers: tuple[FittedLayer, ...]
    track: Track
    _made: dict[tuple[str, int], Artifact] = field(default_factory=dict)

    @property
    def multiple(self) -> int:
        """What uniform widths are multiples of, in channels, as the recipe says."""
        return self.workshop.width_multiple if self.recipe.round_to == "profile" else self.recipe.round_to

    @property
    def budget(self) -> float:
        """Seconds of measuring in each round."""
        return self.asked.budget or BUDGET

    def spec(self, name: str, widths: Mapping[str, int]) -> VariantSpec:
        """The variant that keeps these widths."""
        dense = {group.name: group.units for group in self.prunable.groups}
        recipe = self.recipe.model_dump(exclude={"channels", "neurons", "heads", "round_to"})
        return VariantSpec(
            name=name, prune=StructuredRecipe.model_validate(recipe | {"widths": widths_of(widths, dense)})
        )

    def measured(self, name: str, number: int, widths: Mapping[str, int]) -> Estimate:
        """Prune to these widths, export, and measure against dense. Raises as `make_variant` and `travel` do."""
        from ..prepare.variant import make_variant

        artifact, _ = make_variant(self.spec(name, widths), self.workshop)
        self._made[name, number] = artifact
        files = {self.loaded.suite.baseline.name: Path(self.dense.path), name: Path(artifact.path)}
        record, _ = self.race(files, scored=False)
        return self.track.speedup(record, name)

    def race(self, files: Mapping[str, Path], *, scored: bool, kept: Path | None = None) -> tuple[RunRecord, Context]:
        """A run of finished files; kept in the results folder `kept`, or thrown away at the end."""
        return self.track.race(files, kept or self.place / "results", self.budget, scored=scored)

    def dense_latency_us(self) -> float:
        """The median of one inference of the dense model, measured by itself."""
        name = self.loaded.suite.baseline.name
        record, _ = self.race({name: Path(self.dense.path)}, scored=False)
        return self.track.latency_us(record, name)

    def dense_files(self) -> tuple[list[Path], dict[str, str]]:
        """The dense model's ONNX file, to be put in place, and its name by variant."""
        from ..road.step_files import named_files

        name = self.loaded.suite.baseline.name
        _, files = named_files(self.dense, name, self.workshop)
        return files, {name: _graph(files)}

    def files_of(self, spec: VariantSpec, number: int) -> tuple[list[Path], dict[str, str]]:
        """A variant's weights and the ONNX file of its round, to be put in place, and that file's name by variant."""
        from ..road.step_files import named_files, pruned_files

        _, weights = pruned_files(spec, self.workshop)
        _, graphs = named_files(self._made[spec.name, number], spec.name, self.workshop)
        return [*weights, *graphs], {spec.name: _graph(graphs)}

    def written(self) -> tuple[str, ...]:
        """The names of all files that the search writes."""
        return (*names_of_files(self.loaded, self.asked), suite_name(self.loaded))


def _graph(files: list[Path]) -> str:
    return next(file.name for file in files if file.name.endswith(".onnx"))


def _shapes(dense: Artifact, suite: Suite) -> dict[str, tuple[int, ...]]:
    """The shapes of the inputs, as they are fed in the suite's first workload."""
    feeds = feeding(dense, suite.workloads[0], (), suite.measure.seed).sets[0]
    return {name: array.shape for name, array in feeds.items()}


def open_bench(
    loaded: LoadedSuite,
    asked: Asked,
    profile: HardwareProfile,
    recipe: StructuredRecipe,
    place: Path,
    journey: Journey,
) -> Bench:
    """Load the model, export it, and find its groups and layers. Raises as `make_variant` and `groups_of` do."""
    from ..prepare.producing import material_for
    from ..prepare.variant import make_variant
    from ..pruning.groups import groups_of

    suite = loaded.suite
    journey.plan("prepare", 1, 10.0)
    journey.begin("prepare", suite.baseline.name)
    workshop = open_workshop(
        loaded,
        task_of(loaded, asked.trusted),
        artifacts=place,
        time_limit=asked.time_limit or suite.measure.time_limit,
        trusted=asked.trusted,
        width_multiple=width_multiple([profile]),
    )
    dense, _ = make_variant(suite.baseline, workshop)
    prunable = groups_of(workshop.dense.module, recipe, material_for(recipe, workshop))
    layers = layers_to_measure(Path(dense.path), _shapes(dense, suite), dense.audit)
    journey.end()
    options = RunOptions(time_limit=asked.time_limit, trusted=asked.trusted, profile_folders=asked.profile_folders)
    return Bench(
        loaded=loaded,
        asked=asked,
        profile=profile,
        recipe=recipe,
        place=place,
        fingerprint=fingerprint(),
        workshop=workshop,
        dense=dense,
        make_seconds=journey.seconds.get("prepare", 0.0),
        prunable=prunable,
        layers=layers,
        track=Track(loaded, profile.name, options, journey),
    )
