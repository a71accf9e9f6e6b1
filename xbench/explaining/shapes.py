"""Units that were to be removed, and shapes that are the dense ones all the same."""

from __future__ import annotations

from ..records.explanation import Reason
from .case import NOTHING, Case, Finding


def still_dense(case: Case) -> Finding:
    """A structured recipe, and as many weights in each layer of the file as the baseline's has."""
    base, candidate = case.base.audit, case.candidate.audit
    structured = case.recipe.get("method") == "structured"
    if base is None or candidate is None or not structured or not candidate.layers:
        return NOTHING
    if [one.shape for one in base.layers] != [one.shape for one in candidate.layers]:
        return NOTHING
    shapes = f"all {len(candidate.layers)} weights of the file have the shapes of {case.base.name}"
    if case.recipe.get("remove") is False:
        reason = Reason(
            kind="still dense",
            text="the recipe zeroes units and keeps shapes (remove: false)",
            evidence=(shapes, "the suite says remove: false"),
        )
        return Finding((reason,), ("remove instead of zeroing in the recipe (remove: true)",))
    report = case.candidate.state.artifact.prune if case.candidate.state.artifact is not None else None
    removed = f"in PyTorch {report.removed:,} weights were removed" if report is not None else ""
    reason = Reason(
        kind="still dense",
        text="the recipe removes units, and the file's shapes are the dense ones",
        evidence=(shapes, *([removed] if removed else [])),
    )
    return Finding(
        (reason,), ("see what was pruned with `xbench prune`, and what is exported with `xbench inspect`",)
    )
