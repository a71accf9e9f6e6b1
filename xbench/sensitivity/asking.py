"""What a look at sensitivity is asked, and what of it can be refused before any work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, did_you_mean
from ..records.recipe import Recipe
from ..sources.factory import require_trust
from ..store.placing import require_free
from ..suite.loading import LoadedSuite
from ..suite.model import VariantSpec
from ..suite.plain import require_plain_baseline
from ..suite.rewriting import place_of


@dataclass(frozen=True)
class Asked:
    """What the command line says. `spare`: how many parts to spare; None: as many as pay. No `output`: no suite."""

    variant: str
    metric: str | None = None
    spare: int | None = None
    output: Path | None = None
    time_limit: float | None = None
    trusted: bool = False
    force: bool = False
    profile_folders: tuple[Path, ...] = ()


def check(loaded: LoadedSuite, asked: Asked) -> tuple[VariantSpec, Recipe]:
    """The variant and its recipe. Raises InputError for what has nothing to undo or to score by, or is in the way."""
    suite = loaded.suite
    spec = _named(suite.variants, asked.variant)
    if suite.evaluate is None:
        raise InputError(
            "Sensitivity is about quality, and the suite scores none",
            "it has no key evaluate",
            "add evaluate: see docs/suite.md",
        )
    if asked.spare is not None and asked.spare < 1:
        raise InputError(f"--spare cannot be {asked.spare}", "it is a number of layers, from 1")
    recipe = _recipe(spec, finished=suite.model is None or suite.model.onnx is not None)
    require_plain_baseline(suite, "what pruning costs is told against the dense model")
    model, data = suite.model, suite.evaluate.data
    factory = model.factory if model is not None else None
    for reference in (factory, getattr(recipe, "loss", None), *(one.iterator for one in data)):
        if reference is not None:
            require_trust(reference, asked.trusted)
    if asked.output is not None:
        require_free(place_of(loaded, asked.output), [suite_name(loaded)], asked.force)
    return spec, recipe


def _recipe(spec: VariantSpec, finished: bool) -> Recipe:
    asked = f"There is no pruning of {spec.name} to undo"
    if finished or spec.onnx is not None:
        raise InputError(
            asked, "it is a finished ONNX file", "name a variant that a recipe prunes, of a PyTorch model"
        )
    if spec.checkpoint is not None:
        raise InputError(
            asked,
            "its weights come from a checkpoint, and no recipe tells what was pruned",
            "name a variant with the key prune",
        )
    if spec.prune is None:
        what = "it is the baseline" if spec.baseline else "it has no recipe"
        raise InputError(asked, what, "name a variant with the key prune")
    return spec.prune


def _named(variants: Iterable[VariantSpec], name: str) -> VariantSpec:
    known = {one.name: one for one in variants}
    if name not in known:
        raise InputError(
            f"There is no variant called {name!r}", f"known are {', '.join(known)}", did_you_mean(name, known)
        )
    return known[name]


def suite_name(loaded: LoadedSuite) -> str:
    """The file of the new suite."""
    return f"{loaded.suite.name}.sensitivity.yaml"
