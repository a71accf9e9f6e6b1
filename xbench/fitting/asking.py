"""What a search for widths is asked, and what of it can be refused before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ..artifacts.provenance import SIDECAR
from ..errors import InputError, UnavailableError, did_you_mean
from ..profiles.finding import all_profiles, choose_one
from ..records.profile import HardwareProfile
from ..records.recipe import StructuredRecipe
from ..road.beginning import find_devices
from ..sources.factory import require_trust
from ..store.placing import file_stem, require_free
from ..suite.loading import LoadedSuite
from ..suite.plain import require_plain_baseline
from ..suite.rewriting import place_of
from .measuring import require_measurable

MOST_SPEEDUP = 100.0
BUDGET = 20.0
"""Seconds of measuring in each round, unless more or less is asked for."""
_HALF = 0.5  # any share: it names kinds


@dataclass(frozen=True)
class Asked:
    """What the command line says. `variant`: whose importance, scope and kinds of units are taken."""

    target: str
    speedup: float
    output: Path
    variant: str | None = None
    budget: float | None = None
    time_limit: float | None = None
    trusted: bool = False
    force: bool = False
    profile_folders: tuple[Path, ...] = ()

    @property
    def latency_aware(self) -> str:
        """What the variant with chosen widths is called."""
        return f"latency-aware-{self.speedup:.2f}x"

    @property
    def uniform(self) -> str:
        """What the variant that loses the same share everywhere is called."""
        return f"uniform-{self.speedup:.2f}x"


def check(loaded: LoadedSuite, asked: Asked) -> tuple[HardwareProfile, StructuredRecipe, str]:
    """The target, the recipe that says what may be pruned and how it is ranked, and where that is from, in words.

    Raises InputError, UnavailableError or InvalidError for what cannot be done, and where files are in the way.
    """
    if not math.isfinite(asked.speedup) or not 1 < asked.speedup <= MOST_SPEEDUP:
        raise InputError(
            f"--speedup cannot be {asked.speedup:g}",
            f"it must be above 1 and at most {MOST_SPEEDUP:g}: 2.0 asks for half the latency",
        )
    recipe, whence = _recipe(loaded, asked.variant)
    require_plain_baseline(loaded.suite, "widths are chosen for the dense model, and measured against it")
    # Named first, so that a name that nobody has is told with the nearest ones.
    profile = choose_one(asked.target, all_profiles(asked.profile_folders))
    (device,) = find_devices((asked.target,), asked.profile_folders)
    if not device.availability.available:
        raise UnavailableError(f"{profile.name} is not here", device.availability.reason, device.availability.remedy)
    require_measurable(profile)
    factory = loaded.suite.model.factory if loaded.suite.model else None
    for reference in (factory, recipe.loss):
        if reference is not None:
            require_trust(reference, asked.trusted)
    _require_free(loaded, asked)
    return profile, recipe, whence


def _recipe(loaded: LoadedSuite, named: str | None) -> tuple[StructuredRecipe, str]:
    suite = loaded.suite
    if suite.model is None or suite.model.onnx is not None:
        raise InputError(
            "Widths can be chosen for a PyTorch model alone",
            "the suite names finished ONNX files",
            "name a Transformers folder or a factory as the model",
        )
    if named is None:
        ranked = "taylor" if suite.evaluate is not None or suite.calibration.file is not None else "l2"
        why = "real inputs are there to rank by" if ranked == "taylor" else "there are no real inputs to rank by"
        recipe = StructuredRecipe(
            method="structured",
            channels=_HALF,
            neurons=_HALF,
            heads=_HALF,
            importance=ranked,
            round_to="profile",
        )
        return recipe, f"importance: {ranked}, since {why}; --variant NAME takes that of a variant"
    known = {spec.name: spec for spec in suite.variants}
    if named not in known:
        hint = did_you_mean(named, known)
        raise InputError(f"There is no variant called {named!r}", f"known are {', '.join(known)}", hint)
    recipe_of = known[named].prune
    if not isinstance(recipe_of, StructuredRecipe) or not (recipe_of.widths or recipe_of.shares.keys() - {"layers"}):
        structured = [spec.name for spec in suite.variants if isinstance(spec.prune, StructuredRecipe)]
        raise InputError(
            f"Widths cannot be chosen as {named!r} prunes",
            "it takes out no channels, neurons or heads",
            f"name one of {', '.join(structured)}" if structured else "leave out --variant",
        )
    return _scope_of(recipe_of), f"importance: {recipe_of.importance}, of {named}"


def _scope_of(recipe: StructuredRecipe) -> StructuredRecipe:
    """What may be pruned and how it is ranked, without how much."""
    kinds = recipe.shares.keys() - {"layers"} or {"channels", "neurons", "heads"}
    return StructuredRecipe(
        method="structured",
        include=recipe.include,
        exclude=recipe.exclude,
        types=recipe.types,
        seed=recipe.seed,
        loss=recipe.loss,
        importance=recipe.importance,
        round_to=recipe.round_to,
        channels=_HALF if "channels" in kinds else None,
        neurons=_HALF if "neurons" in kinds else None,
        heads=_HALF if "heads" in kinds else None,
    )


def names_of_files(loaded: LoadedSuite, asked: Asked) -> list[str]:
    """What will be written into the output folder, but for the suite."""
    stems = [file_stem(name) for name in (asked.uniform, asked.latency_aware)]
    weights = [f"{stem}{ending}" for stem in stems for ending in (".safetensors", ".safetensors.json")]
    stems = [file_stem(loaded.suite.baseline.name), *stems]
    graphs = [f"{stem}{ending}" for stem in stems for ending in (".onnx", SIDECAR)]
    return [*weights, *graphs, report_name(loaded)]


def suite_name(loaded: LoadedSuite) -> str:
    """The file of the new suite."""
    return f"{loaded.suite.name}.suite.yaml"


def report_name(loaded: LoadedSuite) -> str:
    """The file of the report as data."""
    return f"{loaded.suite.name}.fit.json"


def _require_free(loaded: LoadedSuite, asked: Asked) -> None:
    require_free(asked.output, names_of_files(loaded, asked), asked.force)
    require_free(place_of(loaded, asked.output), [suite_name(loaded)], asked.force)
