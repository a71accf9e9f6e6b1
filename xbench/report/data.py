"""A record as data: what `--json` writes (section 7 of the design). Units are in the names of the fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..explaining import explanations
from ..gate.releasing import decisions
from ..records.comparison import Comparison
from ..records.explanation import Explanation
from ..records.quality import QualityResult
from ..records.run_record import GroupState, RunRecord
from .expected import expectations
from .words import sentence

SCHEMA = "xbench.report/1"
EXPLAIN_SCHEMA = "xbench.explain/1"


def as_data(record: RunRecord) -> dict[str, Any]:
    """Everything that the tables show, and what it rests on."""
    data = {
        "schema": SCHEMA,
        "run": record.id,
        "status": record.status,
        "outcome": record.outcome,
        "exit_code": record.exit_code,
        "fingerprint": record.fingerprint.model_dump(),
        "noise_floor": {f"{g.hardware}/{g.workload}": g.noise_floor for g in record.groups},
        "hardware": [
            {
                "name": d.profile.name,
                "precision": d.profile.precision,
                "simulated": d.simulated,
                "emulated": d.profile.emulation is not None,
                **d.availability.model_dump(),
            }
            for d in record.devices
        ],
        "variants": [variant.model_dump() for variant in record.variants],
        "comparisons": [_comparison(group, c) for group in record.groups for c in group.comparisons],
        "operators": {f"{g.hardware}/{g.workload}": _operators(g) for g in record.groups},
        "data": record.data.model_dump() if record.data is not None else None,
        "quality_plan": [plan.model_dump() for plan in record.quality_plan],
        "quality": [_quality(result) for result in record.quality],
        "expectations": [one.model_dump() for group in record.groups for one in expectations(record, group)],
        "explanations": [one.model_dump() for one in explanations(record)],
        "policy": record.policy.model_dump(by_alias=True),
        "policy_sha256": record.policy_sha256,
        "verdicts": [verdict.model_dump() for verdict in record.verdicts],
        # An unfinished run lets nothing ship yet, whatever its gates say so far.
        "decisions": [
            {**one.model_dump(), "ships": one.ships and record.status == "complete"} for one in decisions(record)
        ],
        "decided_on": record.decided_on,
        "stage_seconds": record.stage_seconds,
    }
    return {key: _finite(value) for key, value in data.items()}


def explained_data(record: RunRecord, explained: Sequence[Explanation]) -> dict[str, Any]:
    """Explanations alone: what `xbench explain --json` writes."""
    data = {"schema": EXPLAIN_SCHEMA, "run": record.id, "explanations": [one.model_dump() for one in explained]}
    return {key: _finite(value) for key, value in data.items()}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is not a number is null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _comparison(group: GroupState, comparison: Comparison) -> dict[str, Any]:
    summaries = {case.variant: case.summary for case in group.cases if case.summary is not None}
    measured = (comparison.baseline, comparison.candidate)
    hidden = ("speedup", "cpu_time_speedup", "undisturbed_speedup")
    invalid = dict.fromkeys(hidden) if comparison.verdict == "invalid" else {}
    return {
        **comparison.model_dump(),
        **invalid,
        "sentence": sentence(comparison),
        "inputs": list(group.inputs),
        "played": group.played,
        "notes": {name: list(group.notes[name]) for name in measured if name in group.notes},
        "measurements": {name: summaries[name].model_dump() for name in measured if name in summaries},
    }


def _quality(result: QualityResult) -> dict[str, Any]:
    """As it is recorded, but for a divergence: its unit is in the names. Metrics and drops have the metric's own."""
    data = result.model_dump()
    moved = result.divergence
    if moved is not None and moved.kind == "kl":
        nats = ("mean", "interval", "p99")
        data["divergence"] = {
            f"{key}_nats" if key in nats else key: value for key, value in data["divergence"].items()
        }
    return data


def _operators(group: GroupState) -> dict[str, list[dict[str, Any]]]:
    """Profiled kernel times of one inference by variant, the longest first."""
    return {name: [time.model_dump() for time in times] for name, times in group.operators.items()}
