"""The record of a whole run, as it is stored. Its schema has a version; raw samples lie beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_serializer

from .artifact import Artifact, Parity
from .audit import OptimisedAudit
from .base import Record
from .comparison import CaseResult, Comparison, Decision, GateVerdict
from .estimate import GateOutcome
from .fingerprint import Fingerprint
from .load import Load
from .measurement import ColdStart, NodeCost, NodeTime, OperatorTime, WarmUp
from .policy import Policy
from .profile import Availability, HardwareProfile
from .quality import DataFacts, QualityPlan, QualityResult
from .work import Ceiling, LayerWork

RUN_SCHEMA = "xbench.run/3"
OLDER_SCHEMAS = ("xbench.run/1", "xbench.run/2")
"""Schemas that are read as well: all that they hold is in this one too, under the same names."""


class VariantState(Record):
    """A variant and what became of it: its artifact, or the reason why there is none.

    `precision` is that of the file as it was asked for; `of` the variant of the suite that it was made of, which
    has the same name but for the precision. Empty in older records: the variant itself.
    """

    name: str
    baseline: bool
    of: str = ""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    artifact: Artifact | None = None
    failure: str = ""
    exit_code: int = 0
    prune_seconds: float | None = None

    @property
    def source(self) -> str:
        """The variant of the suite that it is, in whatever precision."""
        return self.of or self.name


class DeviceState(Record):
    """A deployment target that was asked for, and whether it is here. `explicit`: asked for by its name.

    `simulated`: its times are scripted and nothing is computed on it. `precisions` are those of the variants that
    are measured on it; empty: all.
    """

    profile: HardwareProfile
    availability: Availability
    explicit: bool
    simulated: bool = False
    precisions: tuple[str, ...] = ()


class Look(Record):
    """One more time that a group was measured, because gates on it were inconclusive: with these variants alone.

    They are measured with their baselines and the second copies of those. `budget_seconds` and `precision` are those
    of this look, `first_set` is the number of its first process set, and `sets` how many the group had when it ended.
    `seconds` is what it took, `stopped` why it ended, as of a group; empty while it goes on.
    """

    variants: tuple[str, ...]
    budget_seconds: float
    precision: float
    first_set: int
    sets: int = 0
    seconds: float = 0.0
    stopped: str = ""


class GroupState(Record):
    """One device and workload, on which all variants were measured interleaved.

    `inputs` tells in words what was fed, `inputs_sha256` is its digest. `stopped` is `precision`, `budget`
    or `failed`; empty while measuring goes on. `precision` and `budget_seconds` are what was asked for. They and
    `stopped` are of the first time that the group was measured, with all its variants; `looks` are the further ones.
    `sets` and `seconds` are of all of them together.
    `schedule` is `interleaved`, or `reloaded` where the variants do not fit into memory together. `cautions`,
    `warmups`, `cold_starts`, `operators` and `notes` (what the profiled runs prove) are by variant.
    `input_sets` of inputs took turns; `cpus` is how many the machine has, over which steal is counted.

    `untimed` is why nothing is timed here at all, and then `stopped` is `untimed` too: the processor is emulated.
    `played` is the proof of that in words. `parities`, by variant, tell how far outputs are from the reference's
    (the CPU of this machine without optimisations), `optimised` what became of the file's zeros in the graph that
    the runtime made of it; there is none where nothing is computed.

    What an explanation rests on: `nodes`, by variant, are the profiled times of the runtime's own nodes, `layers`
    what each layer of the file computes at the shapes of the first set of inputs, and `ceiling` the rates of the
    target that was measured on; `layer_notes`, by variant, and `ceiling_note` are why there are none. There are no
    nodes where a runner cannot tell what a single one takes. `node_cost` is what a node that computes next to
    nothing costs there, and `node_cost_note` why that is not known. Older records have none of them.
    """

    hardware: str
    workload: str
    batch: int
    inputs: tuple[str, ...]
    inputs_sha256: str
    simulated: bool = False
    sets: int = 0
    seconds: float = 0.0
    stopped: str = ""
    looks: tuple[Look, ...] = ()
    untimed: str = ""
    played: str = ""
    load: Load = Load()
    schedule: Literal["interleaved", "reloaded"] = "interleaved"
    input_sets: int = 1
    cpus: int = 1
    cost_per_hour: float | None = None
    precision: float | None = None
    budget_seconds: float | None = None
    noise_floor: float | None = None
    steal_share: float | None = None
    load_average: float | None = None
    failures: dict[str, str] = {}
    ideal_speedups: dict[str, float | None] = {}
    ideal_notes: dict[str, str] = {}
    output_differences: dict[str, float] = {}
    parities: dict[str, Parity] = {}
    optimised: dict[str, OptimisedAudit] = {}
    placements: dict[str, dict[str, float]] = {}
    cautions: dict[str, tuple[str, ...]] = {}
    notes: dict[str, tuple[str, ...]] = {}
    warmups: dict[str, WarmUp] = {}
    cold_starts: dict[str, ColdStart] = {}
    operators: dict[str, tuple[OperatorTime, ...]] = {}
    nodes: dict[str, tuple[NodeTime, ...]] = {}
    layers: dict[str, tuple[LayerWork, ...]] = {}
    layer_notes: dict[str, str] = {}
    ceiling: Ceiling | None = None
    ceiling_note: str = ""
    node_cost: NodeCost | None = None
    node_cost_note: str = ""
    cases: tuple[CaseResult, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @field_serializer("nodes", "layers", when_used="json")
    def _short(self, by_variant: Mapping[str, Sequence[Record]]) -> dict[str, list[dict[str, Any]]]:
        """Hundreds of them in a group: what a field would be anyway is left out of the file."""
        return {
            name: [one.model_dump(mode="json", exclude_defaults=True) for one in every]
            for name, every in by_variant.items()
        }


def pair_key(baseline: str, candidate: str) -> str:
    """Under which a group keeps what belongs to a candidate's second comparison."""
    return f"{candidate} against {baseline}"


class RunRecord(Record):
    """Everything but the raw samples.

    `policy` is the policy that was in force, beside the suite's own gates, and `policy_sha256` the digest of its
    text; `decided_on` is the day on which waivers were looked at, as 2026-12-31.
    """

    schema_: Literal["xbench.run/3"] = Field(default="xbench.run/3", alias="schema")
    id: str
    created: str
    status: Literal["running", "complete", "failed"]
    failure: str = ""
    xbench_version: str
    suite: dict[str, Any]
    suite_sha256: str
    fingerprint: Fingerprint
    devices: tuple[DeviceState, ...] = ()
    variants: tuple[VariantState, ...] = ()
    groups: tuple[GroupState, ...] = ()
    data: DataFacts | None = None
    quality_plan: tuple[QualityPlan, ...] = ()
    quality: tuple[QualityResult, ...] = ()
    policy: Policy = Policy()
    policy_sha256: str = ""
    verdicts: tuple[GateVerdict, ...] = ()
    decisions: tuple[Decision, ...] = ()
    decided_on: str = ""
    outcome: GateOutcome | None = None
    exit_code: int | None = None
    stage_seconds: dict[str, float] = {}

    @property
    def baseline(self) -> str:
        """The name of the baseline."""
        return next(variant.name for variant in self.variants if variant.baseline)

    def states_on(self, hardware: str) -> tuple[VariantState, ...]:
        """The variants that are measured on a device, in their order."""
        taken = next((device.precisions for device in self.devices if device.profile.name == hardware), ())
        return tuple(state for state in self.variants if not taken or state.precision in taken)

    def baseline_on(self, hardware: str) -> str:
        """What all others are compared with there: the baseline, or the same in a precision that the device takes."""
        states = self.states_on(hardware)
        return next((state.name for state in states if state.source == self.baseline), self.baseline)

    def group(self, hardware: str, workload: str) -> GroupState | None:
        """What is known of one device and workload."""
        return next((g for g in self.groups if (g.hardware, g.workload) == (hardware, workload)), None)

    def quality_of(self, variant: str, hardware: str) -> QualityResult | None:
        """The quality of one variant on one device."""
        return next((q for q in self.quality if (q.variant, q.hardware) == (variant, hardware)), None)
