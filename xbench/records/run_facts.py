"""What a recorded run is, and how it is proven."""

from __future__ import annotations

from .base import Record
from .comparison import Decision, GateVerdict
from .fingerprint import Fingerprint
from .policy import Policy
from .quality import DataFacts


class DeviceFacts(Record):
    """A deployment target that was asked for: whether it was here, and else why not."""

    name: str
    title: str
    available: bool
    simulated: bool = False
    reason: str = ""


class VariantFacts(Record):
    """A variant, and the file that it was: digests of the file and of its graph, or why there is none."""

    name: str
    baseline: bool
    precision: str
    path: str = ""
    sha256: str = ""
    graph_sha256: str = ""
    size_bytes: int | None = None
    failure: str = ""


class GroupFacts(Record):
    """One device and workload: how it was measured, and where its raw samples are. `looks`: sets after each look."""

    hardware: str
    workload: str
    inputs_sha256: str
    sets: int
    seconds: float
    stopped: str
    looks: tuple[int, ...] = ()
    samples: tuple[str, ...] = ()
    note: str = ""


class ProofFacts(Record):
    """Whether the folder's files are those that were sealed. `problems` are in words; none: nothing was changed.

    `unsealed` says why there is no manifest to hold them against. `manifest_sha256` identifies the run.
    """

    sealed: bool
    unsealed: str = ""
    manifest_sha256: str = ""
    files: int = 0
    problems: tuple[str, ...] = ()


class RunFacts(Record):
    """One recorded run. `scores` are the files of what each example scored; paths are below the run's folder."""

    run: str
    created: str
    status: str
    failure: str = ""
    outcome: str = ""
    exit_code: int | None = None
    xbench_version: str
    suite: str
    suite_sha256: str
    policy: Policy
    policy_sha256: str = ""
    decided_on: str = ""
    fingerprint_sha256: str
    fingerprint: Fingerprint
    data: DataFacts | None = None
    devices: tuple[DeviceFacts, ...] = ()
    variants: tuple[VariantFacts, ...] = ()
    groups: tuple[GroupFacts, ...] = ()
    scores: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    verdicts: tuple[GateVerdict, ...] = ()
    proof: ProofFacts
