"""Looks at one file: what it holds, what it computes, and what its zeros can be worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..artifacts.describing import describe
from ..errors import InvalidError, XbenchError
from ..measure.inspection import LoadedModel, loaded
from ..onnxfile.wishes import Wanted
from ..profiles.finding import shipped_profiles
from ..profiles.matching import availability
from ..records.audit import OptimisedAudit
from ..records.ceilings import Ceilings
from ..records.profile import HardwareProfile
from ..worth.working import not_counted
from .adding_up import work_of
from .record import Inspection
from .shaping import shapes_inside, what_to_feed
from .valuing import worth


@dataclass(frozen=True)
class Target:
    """A profile, what it is listed under, and what this machine was measured to reach if it is the profile's."""

    profile: HardwareProfile
    family: str
    measured: Ceilings | None = None


def _cpu() -> HardwareProfile:
    return shipped_profiles()["cpu"]


@dataclass(frozen=True)
class Looking:
    """What to look at, beside the file. `time_limit` is the longest that loading or one answer may take, s.

    The `reference` runs the file once, to see its shapes, and optimises it, to see its zeros again.
    """

    targets: Sequence[Target]
    wanted: Wanted = field(default_factory=Wanted)
    time_limit: float = 120.0
    reference: HardwareProfile = field(default_factory=_cpu)


def inspect_file(path: Path, how: Looking) -> Inspection:
    """All that can be said of one file. Raises InputError for a file that is no usable model, and for wishes that do
    not fit it; whatever else cannot be known has its reason in the record.
    """
    fed = what_to_feed(path, how.wanted)
    artifact = describe(path, path.name)
    with _running(path, how) as running:
        seen = shapes_inside(path, fed, running)
        optimised, lost = optimised_zeros(running)
    work = work_of(path, seen, artifact.audit)
    hidden = not_counted(artifact.audit, work.layers)
    return Inspection(
        file=str(path),
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        graph_sha256=artifact.graph_sha256,
        ir_version=artifact.ir_version,
        opset=artifact.opset,
        signature=artifact.signature,
        provenance=artifact.provenance,
        provenance_fault=artifact.provenance_fault,
        audit=artifact.audit,
        work=work,
        optimised=optimised,
        lost=lost,
        targets=tuple(
            worth(one.profile, one.family, artifact.audit, work.layers, hidden, one.measured) for one in how.targets
        ),
    )


@contextmanager
def _running(path: Path, how: Looking) -> Iterator[LoadedModel | str]:
    """The file in a worker with ONNX Runtime on the CPU, or why it cannot be run there."""
    state = availability(how.reference)
    if not state.available:
        yield state.reason
        return
    with ExitStack() as stack:
        try:
            running: LoadedModel | str = stack.enter_context(loaded(path, path.name, how.reference, how.time_limit))
        except XbenchError as error:
            running = error.reason
        yield running


def optimised_zeros(running: LoadedModel | str) -> tuple[OptimisedAudit, str]:
    """The zeros in the graph that the runtime makes of the file, and which are lost; empty: none."""
    if isinstance(running, str):
        return OptimisedAudit(note=running), ""
    try:
        return running.optimised(), ""
    except InvalidError as error:
        return OptimisedAudit(), error.reason
    except XbenchError as error:
        return OptimisedAudit(note=error.reason), ""
