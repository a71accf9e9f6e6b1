"""The rows of a run: each variant on each device and workload, with what was found there or why there is nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from ..records.artifact import Artifact
from ..records.case import CaseRow
from ..records.comparison import CaseResult, Comparison
from ..records.estimate import Estimate, worst
from ..records.quality import QualityResult
from ..records.run_record import DeviceState, GroupState, RunRecord, VariantState

# Figures of a summary that a row has under the same name.
_MEASURED = (
    "latency_p50_ms",
    "latency_p50_low_ms",
    "latency_p50_high_ms",
    "latency_p90_ms",
    "latency_p99_ms",
    "latency_p99_low_ms",
    "latency_p99_high_ms",
    "throughput_samples_per_s",
    "peak_memory_mib",
    "device_memory_mib",
    "energy_per_inference_j",
    "cost_per_million_inferences",
)


def case_rows(record: RunRecord) -> tuple[CaseRow, ...]:
    """One row for each device, workload and variant that is meant for it, whether it was measured or not."""
    shared = _of_the_run(record)
    return tuple(
        CaseRow(**shared, **_of_the_case(record, device, workload, state))
        for device in record.devices
        for workload in _workloads(record, device.profile.name)
        for state in record.states_on(device.profile.name)
    )


def _of_the_run(record: RunRecord) -> dict[str, Any]:
    machine = record.fingerprint
    return {
        "run": record.id,
        "created": record.created,
        "status": record.status,
        "run_outcome": record.outcome,
        "suite": suite_name(record),
        "suite_sha256": record.suite_sha256,
        "policy_sha256": record.policy_sha256,
        "model": model_name(record),
        "xbench_version": record.xbench_version,
        "fingerprint_sha256": machine.sha256,
        "machine": "; ".join((machine.cpu_model, *machine.gpus)),
    }


def suite_name(record: RunRecord) -> str:
    """The name of the run's suite; empty in a record that holds none."""
    return str(record.suite.get("name") or "")


def model_name(record: RunRecord) -> str:
    """What the suite prunes: a package, the last part of a folder, a factory, or a file's name."""
    model = _mapping(record.suite.get("model"))
    for key in ("package", "factory"):
        if model.get(key):
            return str(model[key])
    found = model.get("transformers") or model.get("onnx") or _baseline_file(record)
    return PurePath(str(found)).name if found else ""


def _baseline_file(record: RunRecord) -> object:
    """The finished file of the baseline, in a suite that has no model."""
    variants = record.suite.get("variants")
    listed = [_mapping(one) for one in variants] if isinstance(variants, list | tuple) else []
    return next((one.get("onnx") for one in listed if one.get("baseline")), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _workloads(record: RunRecord, hardware: str) -> tuple[str, ...]:
    """The suite's, in their order; and what was measured beside them."""
    listed = record.suite.get("workloads")
    asked = [str(_mapping(one).get("name")) for one in listed] if isinstance(listed, list | tuple) else []
    return tuple(dict.fromkeys((*asked, *(g.workload for g in record.groups if g.hardware == hardware))))


def _of_the_case(record: RunRecord, device: DeviceState, workload: str, state: VariantState) -> dict[str, Any]:
    hardware = device.profile.name
    group = record.group(hardware, workload)
    case = next((c for c in group.cases if c.variant == state.name), None) if group else None
    # The first is the one in its own precision: what pruning is answerable for.
    comparison = next((c for c in group.comparisons if c.candidate == state.name), None) if group else None
    quality = record.quality_of(state.name, hardware)
    base = record.baseline_on(hardware)
    return {
        "variant": state.name,
        "baseline": state.name == base,
        "precision": state.precision,
        "hardware": hardware,
        "workload": workload,
        "simulated": device.simulated or (group is not None and group.simulated),
        "noise_floor": _finite(group.noise_floor) if group else None,
        **_of_the_group(group),
        **_of_the_file(state.artifact, next((v.artifact for v in record.variants if v.name == base), None)),
        **_figures(case),
        **_speed(comparison),
        **_scores(record, quality),
        **_gates(record, state.name, hardware, workload),
        "reason": "; ".join(dict.fromkeys(_reasons(record, device, group, state, case, comparison, quality))),
    }


def _of_the_group(group: GroupState | None) -> dict[str, Any]:
    if group is None:
        return {}
    return {"batch": group.batch, "scenario": group.load.scenario, "inputs_sha256": group.inputs_sha256}


def _of_the_file(artifact: Artifact | None, base: Artifact | None) -> dict[str, Any]:
    if artifact is None:
        return {}
    elements = base.audit.elements if base is not None else 0
    return {
        "artifact_sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
        "sparsity": artifact.audit.sparsity,
        "removed": 1 - artifact.audit.elements / elements if elements else None,
    }


def _figures(case: CaseResult | None) -> dict[str, Any]:
    summary = case.summary if case is not None else None
    return {name: _finite(getattr(summary, name)) for name in _MEASURED} if summary is not None else {}


def _speed(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {}
    valid = comparison.verdict not in ("invalid", "untimed")
    return {
        "against": comparison.baseline,
        "speed_verdict": comparison.verdict,
        "ideal_speedup": _finite(comparison.ideal_speedup),
        **_interval("speedup", comparison.speedup if valid else None),
    }


def _scores(record: RunRecord, quality: QualityResult | None) -> dict[str, Any]:
    """Of the metric that tables show: the first one that was scored."""
    first = next((result.metrics[0].metric for result in record.quality if result.metrics), None)
    found = quality.metric(first) if quality is not None and first is not None else None
    if quality is None or found is None:
        return {}
    return {
        "metric": found.metric,
        "better": found.better,
        "dataset_sha256": quality.dataset_sha256,
        **_interval("value", found.interval),
        "value": _finite(found.value),
        **_interval("drop", found.drop),
    }


def _gates(record: RunRecord, variant: str, hardware: str, workload: str) -> dict[str, Any]:
    """The decision where there is one; in records from before there were any, the worst of the verdicts."""
    verdicts = [v for v in record.verdicts if (v.variant, v.hardware) == (variant, hardware)]
    decision = next((d for d in record.decisions if (d.variant, d.hardware) == (variant, hardware)), None)
    if decision is None:
        return {"outcome": worst(v.outcome for v in verdicts if v.workload in ("", workload))}
    return {
        "outcome": decision.outcome,
        "ships": decision.ships,
        "waived": decision.ships and bool(decision.waived),
        "historical": any(v.historical for v in verdicts),
    }


def _reasons(
    record: RunRecord,
    device: DeviceState,
    group: GroupState | None,
    state: VariantState,
    case: CaseResult | None,
    comparison: Comparison | None,
    quality: QualityResult | None,
) -> Iterator[str]:
    """Why figures are missing, or do not tell the two apart; nothing where all is there."""
    if not device.availability.available:
        yield device.availability.reason or "the device is not here"
        return
    if state.failure:
        yield state.failure
    elif group is None:
        yield "not measured yet" if record.status == "running" else "not measured"
        if record.failure:
            yield record.failure
    else:
        told = (group.untimed, group.failures.get(state.name, ""), case.failure if case is not None else "")
        yield from filter(None, told)
    if comparison is not None and (comparison.speedup is None or comparison.verdict in ("inconclusive", "invalid")):
        yield from comparison.reasons
    if quality is not None:
        yield from filter(None, (quality.failure, *(m.note for m in quality.metrics[:1] if m.value is None)))


def _interval(name: str, one: Estimate | None) -> dict[str, float | None]:
    if one is None or not one.usable:
        return {}
    return {name: one.point, f"{name}_low": one.low, f"{name}_high": one.high}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
