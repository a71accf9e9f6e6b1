"""The dense model, a recipe's parts and the task: makes modules with some parts spared, and scores them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InputError, did_you_mean
from ..progress import Journey
from ..protocols import Feeds, Outputs
from ..quality.mean import answers_of
from ..quality.scoring import example_scores
from ..quality.tasks import Task
from ..records.quality import ExampleScores
from ..records.recipe import Recipe, StructuredRecipe
from ..road.opening import open_workshop, task_of
from ..road.steps import width_multiple_of
from ..suite.gates import drop_bounds
from ..suite.loading import LoadedSuite
from ..suite.model import VariantSpec
from .asking import Asked

if TYPE_CHECKING:
    from ..prepare.workshop import Workshop
    from ..pruning import Material
    from ..pruning.undoing import Part, Undoing, Work

Module = Any
"""A PyTorch module: torch itself is known to pruning and preparing alone."""

Progress = Callable[[float], None]
"""Told which share of the rows is done, 0 to 1."""


@dataclass(frozen=True)
class Lab:
    """What stays the same while parts are undone one by one. `way` is the pruning of the variant as it is."""

    loaded: LoadedSuite
    asked: Asked
    spec: VariantSpec
    recipe: Recipe
    task: Task
    metric: str
    workshop: Workshop
    material: Material
    way: Undoing
    dense_work: Work
    pruned_work: Work
    dense_answers: list[Outputs] = field(default_factory=list)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What can be undone by itself, in the model's order."""
        return self.way.parts

    @property
    def max_drop(self) -> float | None:
        """How much the variant's gates let it lose of the metric; None where they do not ask."""
        return drop_bounds(self.loaded.suite, self.loaded.policy.policy, self.spec.name).get(self.metric)

    @property
    def dense(self) -> Module:
        """The dense module."""
        return self.workshop.dense.module

    def without(self, names: Collection[str]) -> Module:
        """The pruned module with these parts dense, and the others exactly as they are."""
        return self.way.without(names)

    def pruned_by(self, recipe: Recipe) -> Module:
        """The dense module pruned by another recipe, in one step. Raises InputError and InvalidError as `prune`."""
        return _way(recipe, self.spec.name, self.workshop, self.material).without(())

    def dense_scores(self, progress: Progress) -> ExampleScores:
        """The dense module's scores; its answers are kept, for tasks whose metrics compare with them."""
        self.dense_answers[:] = self._answers(self.dense, progress)
        return example_scores(self.task, self.dense_answers, None, variant="", hardware="")

    def scores(self, module: Module, progress: Progress) -> ExampleScores:
        """Each example's scores, in PyTorch, after those of the dense module. Raises InvalidError for NaN outputs."""
        kept = self._answers(module, progress)
        return example_scores(self.task, kept, self.dense_answers, variant="", hardware="")

    def _answers(self, module: Module, progress: Progress) -> list[Outputs]:
        from ..prepare.running import input_dtypes, outputs_of

        done = 0

        def infer(feeds: Feeds) -> Outputs:
            nonlocal done
            progress(min(1.0, done / max(1, self.task.rows)))
            done += len(next(iter(feeds.values())))
            return outputs_of(module, feeds)

        return answers_of(self.task, input_dtypes(self.workshop.dense), infer)

    def work(self, module: Module) -> Work:
        """The weights and multiply-adds that are left in a module."""
        from ..pruning.undoing import work_of

        return work_of(module, self.workshop.dense.example_inputs)

    def back(self, work: Work) -> tuple[float, float | None]:
        """Which shares of the weights and multiply-adds that pruning took are back; None where it took none."""
        dense, pruned = self.dense_work, self.pruned_work
        macs = dense.macs - pruned.macs
        return (
            (work.weights - pruned.weights) / (dense.weights - pruned.weights),
            (work.macs - pruned.macs) / macs if macs > 0 else None,
        )


def open_lab(loaded: LoadedSuite, asked: Asked, spec: VariantSpec, recipe: Recipe, journey: Journey) -> Lab:
    """Open the data, load the model, and prune it once. Imports torch; raises as `prune` and `load_dense` do."""
    from ..prepare.producing import material_for
    from ..pruning.undoing import work_of

    journey.plan("prepare", 1, 10.0)
    journey.begin("prepare", spec.name)
    task = task_of(loaded, asked.trusted)
    assert task is not None  # noqa: S101 - `check` has seen the key evaluate
    metric = _metric(task, asked, drop_bounds(loaded.suite, loaded.policy.policy, spec.name))
    workshop = open_workshop(
        loaded,
        task,
        artifacts=loaded.base,  # nothing is exported here
        time_limit=asked.time_limit or loaded.suite.measure.time_limit,
        trusted=asked.trusted,
        width_multiple=width_multiple_of(loaded, (spec,), asked.profile_folders),
    )
    material = material_for(recipe, workshop)
    way = _way(recipe, spec.name, workshop, material)
    inputs = workshop.dense.example_inputs
    works = work_of(workshop.dense.module, inputs), work_of(way.without(()), inputs)
    journey.end()
    if works[1].weights >= works[0].weights:
        raise InputError(f"The pruning of {spec.name} takes no weight", "all that it zeroes was zero before")
    return Lab(loaded, asked, spec, recipe, task, metric, workshop, material, way, *works)


def _way(recipe: Recipe, name: str, workshop: Workshop, material: Material) -> Undoing:
    from ..prepare.deadline import deadline
    from ..pruning.undoing import undoing

    with deadline(workshop.time_limit, f"Pruning {name}"):
        return undoing(workshop.dense.module, recipe, material)


def _metric(task: Task, asked: Asked, gated: Collection[str]) -> str:
    """The one that is asked for; else the first that the gate looks at; else the task's first."""
    known = list(task.metrics)
    if asked.metric is None:
        return next((name for name in known if name in gated), known[0])
    if asked.metric not in known:
        raise InputError(
            f"The suite does not score {asked.metric!r}",
            f"it scores {', '.join(known)}",
            did_you_mean(asked.metric, known, "name it in evaluate.metrics"),
        )
    return asked.metric


def remarks(spec: VariantSpec, recipe: Recipe) -> tuple[str, ...]:
    """What these figures are not, in words."""
    said = ["Scored in PyTorch on this machine; what is reported of a release is scored on the device."]
    if spec.finetune is not None:
        said.append(f"Before fine-tuning: the finetune of {spec.name} is not repeated for each layer.")
    if recipe.schedule.steps > 1 or recipe.schedule.floor:
        said.append(f"Pruned to its target in one step: the schedule of {spec.name} is not gone through.")
    if isinstance(recipe, StructuredRecipe) and recipe.remove and recipe.layers is None:
        said.append("Units that the recipe removes are only zeroed here: the function is the same, up to rounding.")
    return tuple(said)
