"""Refuses, before anything is run, gates that name what is not there: they could not pass, or would not be held."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import InputError, did_you_mean
from ..gate.production import references
from ..quality.tasks import Task
from ..records.policy import DROPS, GateRule, Policy
from ..records.run_record import DeviceState, RunRecord
from ..store.folder import ResultsFolder
from ..suite.gates import labels_of, rules_of
from ..suite.loading import LoadedSuite
from ..suite.model import Suite, VariantSpec


@dataclass(frozen=True, slots=True)
class Here:
    """What a run has that gates can name. `shared`: the policy is one of a file, which other suites may use too.

    `profiles` gives the names of all hardware profiles that are known.
    """

    suite: Suite
    policy: Policy
    shared: bool
    devices: Sequence[DeviceState]
    profiles: Callable[[], Collection[str]]


def check_policy(here: Here) -> tuple[str, ...]:
    """What is to be told of rules that are not held in this run. Raises InputError for names of what is not there.

    A policy file may be shared: its rules for variants or workloads of other suites are not held here, and told. In
    a policy that stands in the suite they are a slip. A device must have a profile; a rule for one that is not in
    this run is not held here.
    """
    _check_devices(here)
    _check_waivers(here)
    _check_production(here)
    return tuple(_not_held(here))


def check_examples(here: Here, task: Task | None) -> None:
    """Raises InputError for gates, floors and expectations on metrics and slices that the task has not."""
    metrics = tuple(task.metrics) if task is not None else ()
    for who, metric in _named_metrics(here):
        if metric not in metrics:
            raise InputError(
                f"The {who} asks for the metric {metric!r}",
                f"measured are: {', '.join(metrics) or 'none, since the suite has no key evaluate'}",
            )
    for spec, rule in _held(here):
        if rule.gate in (*DROPS, "max_error_rate"):
            _check_slices(_who(here, spec, rule), rule, task)


def doubts_on_production(record: RunRecord, loaded: LoadedSuite, results: ResultsFolder) -> tuple[str, ...]:
    """Why figures of a recorded run that is in production will not be looked at: told before the run, not after."""
    policy = loaded.policy.policy
    if not any(rule.against == "production" for rule in policy.gates):
        return ()
    recorded = policy.model_copy(update={"production": tuple(one for one in policy.production if one.run)})
    found = references(record, loaded.suite, recorded, results, None)
    here = {device.profile.name for device in record.devices if device.availability.available}
    return tuple(f"on {name}, {why}" for name, why in found.items() if isinstance(why, str) and name in here)


def held(suite: Suite, policy: Policy, devices: Sequence[DeviceState]) -> Iterator[tuple[VariantSpec, GateRule]]:
    """The rules that are held in a run on these devices, each with a variant that it is for."""
    names, workloads = {device.profile.name for device in devices}, {one.name for one in suite.workloads}
    for spec in suite.variants:
        for rule in rules_of(suite, policy, spec.name):
            if _meets(rule.hardware, names) and _meets(rule.workloads, workloads):
                yield spec, rule


def _held(here: Here) -> Iterator[tuple[VariantSpec, GateRule]]:
    return held(here.suite, here.policy, here.devices)


def _meets(named: Sequence[str], there: Collection[str]) -> bool:
    return not named or any(name in there for name in named)


def _who(here: Here, spec: VariantSpec, rule: GateRule) -> str:
    return f"policy's rule {rule.label}" if rule in here.policy.gates else f"gate of {spec.name}"


def _named_metrics(here: Here) -> Iterator[tuple[str, str]]:
    """Who names which metric."""
    yield from ((_who(here, spec, rule), rule.metric) for spec, rule in _held(here) if rule.metric is not None)
    for variant in here.suite.variants:
        if variant.prune is not None:
            yield from ((f"schedule's floor of {variant.name}", name) for name in variant.prune.schedule.floor)
        if variant.expect is not None and isinstance(variant.expect.max_drop, dict):
            yield from ((f"expectation of {variant.name}", metric) for metric in variant.expect.max_drop)


def _check_slices(who: str, rule: GateRule, task: Task | None) -> None:
    if task is None:
        raise InputError(f"The {who} needs examples", "nothing is scored: the suite has no key evaluate")
    known = tuple(task.examples.slices)
    for name in rule.slices:
        if name not in known:
            raise InputError(
                f"The {who} asks for the slice {name!r}",
                f"there are: {', '.join(known) or 'none, since the suite has no key evaluate.slices'}",
                did_you_mean(name, known),
            )
    if rule.gate == "max_slice_drop" and not known:
        raise InputError(f"The {who} asks for slices", "there are none", "name some: the key evaluate.slices")


def _check_devices(here: Here) -> None:
    """Devices that rules, waivers and the version in production name."""
    named = [
        *((f"rule {rule.label}", name) for rule in here.policy.gates for name in rule.hardware),
        *((f"waiver of {waiver.gate}", waiver.hardware) for waiver in here.policy.waivers),
        *(("production", name) for one in here.policy.production for name in one.hardware),
    ]
    if not named:
        return
    known = sorted({*here.profiles(), *(device.profile.name for device in here.devices)})
    for who, name in named:
        if name not in known:
            raise InputError(
                f"The policy's {who} names the device {name!r}",
                f"none of {len(known)} hardware profiles is called so; `xbench hardware list` shows them",
                did_you_mean(name, known),
            )


def _check_waivers(here: Here) -> None:
    known = labels_of(here.suite, here.policy)
    for waiver in here.policy.waivers:
        if waiver.gate not in known:
            raise InputError(
                f"The policy's waiver on {waiver.hardware} names the gate {waiver.gate!r}",
                f"there are: {', '.join(known) or 'none'}",
                did_you_mean(waiver.gate, known),
            )


def _check_production(here: Here) -> None:
    """The variant of this run that is in production, and that there is one wherever a rule is against it."""
    suite = here.suite
    known = tuple(name for spec in suite.variants for name in suite.names_of(spec))
    for one in here.policy.production:
        if not one.run and one.variant not in known:
            raise InputError(
                f"The policy names {one.variant!r} as the version in production",
                f"variants of this suite are: {', '.join(known)}",
                did_you_mean(one.variant, known) or "where it is of a recorded run, name that: run: ID",
            )
    named = {name for one in here.policy.production for name in one.hardware}
    everywhere = any(not one.hardware for one in here.policy.production)
    for _, rule in _held(here):
        if rule.against == "production" and not everywhere:
            places = {device.profile.name for device in here.devices if device.availability.available}
            bare = sorted(name for name in places - named if _meets(rule.hardware, (name,)))
            if bare:
                raise InputError(
                    f"The policy's rule {rule.label} is held on {bare[0]}",
                    f"production names a version on {', '.join(sorted(named)) or 'no device'} alone",
                    f"name the one on {bare[0]} too, or say on which hardware the rule is held",
                )


def _not_held(here: Here) -> Iterator[str]:
    """Rules for variants and workloads that are not here. Raises InputError where the policy stands in the suite."""
    suite = here.suite
    if here.policy.gates and not any(rule in here.policy.gates for _, rule in _held(here)):
        yield "none of the policy's rules is held in this run: they are for other variants, devices or workloads"
    candidates = tuple(spec.name for spec in suite.variants if not spec.baseline)
    workloads = tuple(one.name for one in suite.workloads)
    for rule in here.policy.gates:
        yield from _strangers(here, f"rule {rule.label}", "variants", rule.variants, candidates)
        yield from _strangers(here, f"rule {rule.label}", "workloads", rule.workloads, workloads)
    made = tuple(name for spec in suite.variants if not spec.baseline for name in suite.names_of(spec))
    for waiver in here.policy.waivers:
        yield from _strangers(here, f"waiver of {waiver.gate}", "variants", filter(None, [waiver.variant]), made)


def _strangers(here: Here, who: str, kind: str, named: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    for name in named:
        if name in known:
            continue
        hint = did_you_mean(name, known)
        found = f"{kind} that gates are held for are: {', '.join(known) or 'none'}"
        if not here.shared:
            raise InputError(f"The policy's {who} names {name!r}", found, hint)
        yield f"the policy's {who} names {name!r}; {found}" + (f": {hint}" if hint else "")
