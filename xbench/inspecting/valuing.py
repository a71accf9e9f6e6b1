"""What a file's zeros can be worth on each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..artifacts.precision import held_precision
from ..records.audit import LayerAudit, SparsityAudit
from ..records.ceilings import Ceilings
from ..records.profile import HardwareProfile
from ..records.work import Bound, Ceiling, LayerWork
from ..worth.bounding import bound, ceiling_of
from ..worth.exploiting import ALL, dense_reason, exploiter_of, left_as_is, unfit
from ..worth.removing import left_if_removed
from .record import TargetWorth


def worth(
    profile: HardwareProfile,
    family: str,
    audit: SparsityAudit,
    layers: Sequence[LayerWork],
    hidden: Sequence[LayerAudit],
    measured: Ceilings | None,
) -> TargetWorth:
    """What the zeros of a file can be worth on one target at best, and who skips them there.

    `layers` are those of the main graph, `audit` is that of the whole file, `hidden` are those of its weights of
    which no work is known (`working.not_counted`), `measured` are the target's ceilings if this machine is it.
    """
    reason = unfit(profile, audit)
    if reason:
        nothing = Bound(missing=reason)
        return _worth(profile, family, nothing, None, 0, reason, None)
    ceiling = _ceiling(profile, audit, measured)
    left = [left_as_is(profile, layer.audit) for layer in layers]
    skipped = sum(one != ALL for one in left)
    as_is = bound(layers, left, ceiling, profile.precision)
    unknown = next((layer for layer in hidden if left_as_is(profile, layer) != ALL), None)
    if unknown is not None:
        as_is = Bound(missing=_hidden(unknown))
    removed = [left_if_removed(layer) for layer in layers]
    if_removed = bound(layers, removed, ceiling, profile.precision) if any(one != ALL for one in removed) else None
    unknown = next((layer for layer in hidden if layer.zero_outputs or layer.zero_inputs), None)
    if unknown is not None:
        if_removed = Bound(missing=_hidden(unknown))
    used = ceiling if isinstance(ceiling, Ceiling) and _stands_on_it(as_is, if_removed) else None
    return _worth(profile, family, as_is, if_removed, skipped, _why(profile, audit, layers, skipped), used)


def _worth(
    profile: HardwareProfile,
    family: str,
    as_is: Bound,
    if_removed: Bound | None,
    layers: int,
    why: str,
    ceiling: Ceiling | None,
) -> TargetWorth:
    return TargetWorth(
        hardware=profile.name,
        family=family,
        runner=profile.runner,
        precision=profile.precision,
        as_is=as_is,
        if_removed=if_removed,
        layers=layers,
        why=why,
        ceiling=ceiling,
    )


def _ceiling(profile: HardwareProfile, audit: SparsityAudit, measured: Ceilings | None) -> Ceiling | str:
    held = held_precision(audit)
    if held == "int8" and profile.precision != "int8":
        return f"the profile's rates are those of {profile.precision}, and the file holds 8-bit weights"
    return ceiling_of(profile, measured)


def _stands_on_it(*bounds: Bound | None) -> bool:
    return any(one is not None and one.roofline_speedup is not None for one in bounds)


def _hidden(layer: LayerAudit) -> str:
    return f"{layer.node} ({layer.op_type}) holds such zeros, and its work is not counted"


def _why(profile: HardwareProfile, audit: SparsityAudit, layers: Sequence[LayerWork], skipped: int) -> str:
    exploiter = exploiter_of(profile)
    if exploiter is not None and skipped:
        return f"{exploiter.name}: {skipped} of {sum(layer.audit is not None for layer in layers)} layers"
    if audit.pattern == "dense" or not audit.zeros:
        return "there is nothing to skip"
    if exploiter is not None:
        return f"{exploiter.name}: no layer has the zeros that this needs"
    return dense_reason(profile) or "nothing is known to skip zeros here"


def families(abstract: Mapping[str, Sequence[str]], names: Sequence[str]) -> dict[str, str]:
    """What each profile is listed under: the machine or the part of profiles that it is made of, or itself."""
    found = {name: name for name in names}
    for family, members in abstract.items():
        found |= {name: family for name in members if name in found}
    return found
