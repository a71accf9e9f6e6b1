"""Which rules hold for which variant: those of the suite and those of the policy."""

from __future__ import annotations

from ..records.policy import GateRule, Policy
from .model import Suite


def rules_of(suite: Suite, policy: Policy, variant: str) -> tuple[GateRule, ...]:
    """The rules for a variant, by its name in the suite: its own gate's or the suite's, then the policy's.

    Those of the policy are the ones that name the variant, or no variant. A rule that stands in both is one. The
    baseline has none: what it is held against is itself. Raises ValueError where the suite has no such variant.
    """
    spec = next((one for one in suite.variants if one.name == variant), None)
    if spec is None:
        raise ValueError(f"the suite {suite.name} has no variant {variant!r}")
    if spec.baseline:
        return ()
    shared = (rule for rule in policy.gates if not rule.variants or variant in rule.variants)
    return tuple(dict.fromkeys((*suite.gate_of(spec).rules, *shared)))


def drop_bounds(suite: Suite, policy: Policy, variant: str) -> dict[str, float]:
    """How much of each metric a variant may lose against dense on all examples: the strictest of its rules."""
    bounds: dict[str, float] = {}
    for rule in rules_of(suite, policy, variant):
        if rule.gate == "max_drop" and rule.against == "dense" and not rule.slices and rule.metric is not None:
            bounds[rule.metric] = min(rule.bound, bounds.get(rule.metric, rule.bound))
    return bounds


def labels_of(suite: Suite, policy: Policy) -> tuple[str, ...]:
    """How all rules are called that hold for any variant of the suite, or stand in the policy: what waivers name."""
    suites = (rule for spec in suite.variants if not spec.baseline for rule in suite.gate_of(spec).rules)
    return tuple(dict.fromkeys(rule.label for rule in (*suites, *policy.gates)))
