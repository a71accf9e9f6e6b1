"""Run records without a run, for tests of what is decided from records and of how they are shown."""

from __future__ import annotations

from xbench.profiles.finding import all_profiles
from xbench.records.artifact import Artifact, Signature, TensorSpec
from xbench.records.audit import SparsityAudit
from xbench.records.comparison import CaseResult, Comparison
from xbench.records.estimate import Estimate
from xbench.records.fingerprint import Fingerprint
from xbench.records.measurement import CaseSummary, Placement
from xbench.records.profile import Availability
from xbench.records.quality import Divergence, Exemplar, Flips, MetricResult, QualityResult, SliceResult
from xbench.records.run_record import DeviceState, GroupState, RunRecord, VariantState
from xbench.suite.model import Suite


def interval(point, low, high, confidence=0.95):
    return Estimate(point=point, low=low, high=high, confidence=confidence, method="by hand")


def artifact(variant, *, elements=1000, zeros=0, size=2 * 1024 * 1024):
    tensor = TensorSpec(name="x", dtype="float32", shape=("batch", 4))
    return Artifact(
        variant=variant,
        path="artifacts/a.onnx",
        sha256="0" * 64,
        graph_sha256="1" * 64,
        size_bytes=size,
        ir_version=10,
        opset=20,
        signature=Signature(inputs=(tensor,), outputs=(tensor,)),
        audit=SparsityAudit(layers=(), elements=elements, zeros=zeros, parameters=elements, denormals=0),
    )


def summary(latency_ms=10.0):
    return CaseSummary(
        samples=600,
        processes=6,
        latency_p50_ms=latency_ms,
        latency_p50_low_ms=latency_ms * 0.99,
        latency_p50_high_ms=latency_ms * 1.01,
        throughput_samples_per_s=1000 / latency_ms,
        cpu_time_per_call_ms=latency_ms,
        session_creation_ms=50,
        first_inference_ms=20,
        peak_memory_mib=100,
        load_peak_memory_mib=90,
        run_peak_memory_mib=100,
        placement=Placement(asked="P", providers=("P",), nodes={"P": 3}, time_share={"P": 1.0}),
    )


def comparison(candidate="pruned", verdict="faster", speedup=(1.93, 1.90, 1.96), **more):
    values = {
        "baseline": "dense",
        "candidate": candidate,
        "hardware": "cpu",
        "workload": "w",
        "verdict": verdict,
        "speedup": interval(*speedup) if speedup else None,
        "noise_floor": 0.006,
        "ideal_speedup": 2.0,
        "output_max_abs_difference": 3.1e-6,
        "reasons": ("interval 1.90x to 1.96x is above 1",),
    }
    return Comparison(**{**values, **more})


def quality(variant="pruned", drop=(0.01, -0.01, 0.03), value=0.9, hardware="cpu"):
    found = MetricResult(
        metric="accuracy", value=value, examples=500, drop=interval(*drop, confidence=0.9) if drop else None
    )
    return QualityResult(variant=variant, hardware=hardware, metrics=(found,), dataset_sha256="d")


def group(comparisons, baseline="dense", hardware="cpu", workload="w", **more):
    names = [baseline, *(c.candidate for c in comparisons if c.verdict != "invalid")]
    failed = {c.candidate: "; ".join(c.reasons) for c in comparisons if c.verdict == "invalid"}
    cases = [CaseResult(variant=n, hardware=hardware, workload=workload, summary=summary()) for n in names]
    cases += [CaseResult(variant=n, hardware=hardware, workload=workload, failure=why) for n, why in failed.items()]
    values = {
        "batch": 1,
        "inputs": ("x: 1x4 float32, normal",),
        "inputs_sha256": "2" * 64,
        "sets": 6,
        "seconds": 30.0,
    }
    values |= {"stopped": "precision", "noise_floor": 0.006, "cases": tuple(cases), "comparisons": tuple(comparisons)}
    return GroupState(hardware=hardware, workload=workload, **{**values, **more})


def device(name="cpu", available=True, explicit=False, **more):
    profile = all_profiles()["cpu"].model_copy(update={"name": name})
    why = {} if available else {"reason": "no driver", "remedy": "install one"}
    return DeviceState(
        profile=profile, availability=Availability(available=available, **why), explicit=explicit, **more
    )


def variant(name, *, baseline=False, failure="", **more):
    made = None if failure else artifact(name, **more)
    return VariantState(name=name, baseline=baseline, artifact=made, failure=failure, exit_code=4 if failure else 0)


def suite(*names, gate=None, gates=None, workloads=("w",)):
    own = gates or {}
    return Suite(
        schema="xbench.suite/1",
        name="hand",
        variants=[
            {"name": "dense", "baseline": True, "onnx": "d.onnx"},
            *({"name": n, "onnx": "p.onnx", **({"gate": own[n]} if n in own else {})} for n in names or ("pruned",)),
        ],
        workloads=[{"name": w} for w in workloads],
        gate=gate or {},
    )


def record(**changes):
    """A finished run of `dense` and `pruned` on `cpu`: faster, and hardly worse."""
    values = {
        "id": "2026-01-01-hand",
        "created": "2026-01-01T00:00:00Z",
        "status": "complete",
        "xbench_version": "0",
        "suite": {},
        "suite_sha256": "3" * 64,
        "fingerprint": Fingerprint.model_construct(cpu_model="hand", libraries={}, environment={}, gpus=()),
        "devices": (device(),),
        "variants": (variant("dense", baseline=True), variant("pruned", zeros=500)),
        "groups": (group([comparison()]),),
        "quality": (quality("dense", None), quality()),
    }
    return RunRecord(**{**values, **changes})


def flips(lost, won, other, examples=540):
    same = 1 - (lost + won + other) / examples
    return Flips(
        examples=examples,
        right_to_wrong=lost,
        wrong_to_right=won,
        wrong_to_other_wrong=other,
        agreement=interval(same, same - 0.03, same + 0.02),
    )


def part(name, kind="class", value=0.71, p=0.4, **more):
    """A slice or class of 54 examples that the baseline answers 98 % of."""
    figures = {
        "examples": 54,
        "metric": "accuracy",
        "value": value,
        "baseline": 0.98,
        "drop": interval(0.98 - value, 0.9 - value, 1.06 - value, confidence=0.9),
        "flips": flips(15, 0, 1, 54),
        "p_value": p / 2,
        "adjusted_p": p,
        "alarm": p < 0.05,
    }
    return SliceResult(slice=name, kind=kind, **{**figures, **more})


def untested(name, note="3 examples are too few for an alarm: it takes 5"):
    return SliceResult(slice=name, kind="slice", examples=3, note=note)


def exemplar(index, name=None, **more):
    values = {"label": "8", "dense": "8", "answer": "3", "dense_confidence": 0.98, "confidence": 0.55}
    return Exemplar(index=index, id=name or f"img-{index}", **{**values, **more})


def whole_quality(variant="pruned", hardware="cpu", **more):
    """A candidate's quality with all that a record can hold of it: two metrics, flips, divergence."""
    metrics = (
        MetricResult(
            metric="accuracy",
            value=0.535,
            examples=540,
            interval=interval(0.535, 0.476, 0.593),
            drop=interval(0.04, -0.004, 0.084, confidence=0.9),
        ),
        MetricResult(
            metric="brier",
            value=0.0235,
            examples=540,
            interval=interval(0.0235, 0.0212, 0.0256),
            drop=interval(0.0012, -0.0004, 0.0034, confidence=0.9),
            better="lower",
        ),
    )
    values = {
        "metrics": metrics,
        "dataset_sha256": "d",
        "flips": flips(31, 12, 20),
        "divergence": Divergence(
            kind="kl", mean=0.0123, interval=interval(0.0123, 0.01, 0.015), p99=0.3, examples=540
        ),
        "correction": "holm",
    }
    return QualityResult(variant=variant, hardware=hardware, **{**values, **more})


def baseline_quality(**more):
    """The baseline's own: values alone."""
    alone = tuple(one.model_copy(update={"drop": None}) for one in whole_quality().metrics)
    nothing = {"flips": None, "divergence": None, "correction": ""}
    return whole_quality("dense", **{"metrics": alone, **nothing, **more})
