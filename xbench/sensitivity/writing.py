"""Writes the suite with the dense model, the pruned variant and the spared one, ready to be run."""

from __future__ import annotations

from dataclasses import replace

from ..store.files import storing, write_text
from ..store.placing import require_free
from ..suite.model import VariantSpec
from ..suite.rewriting import place_of, suite_text, yaml_text
from .asking import suite_name
from .lab import Lab
from .sparing import Proposal


def write_suite(lab: Lab, found: Proposal) -> str:
    """The path of the suite; empty where there is no proposal to write. Raises StoreError."""
    asked, loaded = lab.asked, lab.loaded
    if asked.output is None or not found.confirmed:
        return ""
    suite = loaded.suite
    # What was expected of the variant is not what is expected of these; its gate and its training are theirs.
    spared = [
        VariantSpec.model_validate(
            lab.spec.model_dump(exclude={"prune", "expect", "name"}) | {"name": one.variant, "prune": one.prune}
        )
        for one in found.confirmed
    ]
    few = replace(loaded, suite=suite.model_copy(update={"variants": (suite.baseline, lab.spec)}))
    place = place_of(loaded, asked.output)
    target = place / suite_name(loaded)
    text = suite_text(few, spared, place, f"xbench sensitivity --variant {lab.spec.name}")
    with storing(target):
        place.mkdir(parents=True, exist_ok=True)
        require_free(place, [target.name], asked.force)
        write_text(target, text)
    return str(target)


def pasted(name: str, prune: dict[str, object]) -> str:
    """A variant as it stands in a suite, to be pasted."""
    return yaml_text([{"name": name, "prune": prune}])
