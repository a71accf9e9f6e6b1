"""Measures the tables that a model needs on a target, and says before what that takes."""

from __future__ import annotations

import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from .._version import __version__
from ..errors import InputError, InvalidError, UnavailableError, WorkerError
from ..machine.cpus import thread_count
from ..machine.turns import alone_on_the_machine
from ..measure.model_file import needs_module
from ..plugins import runner_class
from ..profiles.ceilings import read_ceilings
from ..profiles.matching import availability
from ..progress import Journey
from ..records.fingerprint import Fingerprint
from ..records.latency import LatencyPoint, LatencyTable, LayerSignature, width_key
from ..records.profile import HardwareProfile
from ..stats.median import median_interval
from .batch import COPIES, Batch, Job, Measuring, Seen
from .keeping import Shelf
from .layers import FittedLayer
from .table import Tables

STAGE = "latency tables"

Widths = Mapping[str, tuple[Sequence[int], Sequence[int]]]
"""By node: the input widths and the output widths of its table. A node that is not named is not measured."""

_Pair = tuple[int, int]
# What is expected before anything was seen; on two cores of a server: a process, a session with its file, and the
# share of a peak that layers reach.
_PROCESS_SECONDS = 0.6
_SESSION_SECONDS = 0.005
_REACHED = 0.3
_MACS_PER_THREAD = 20e9
# Two to warm up and three that count.
_FEWEST_CALLS = 5


def require_measurable(profile: HardwareProfile) -> None:
    """Raise UnavailableError or InvalidError where the times of layers cannot be measured on this target, here."""
    asked = f"Latency tables of {profile.name} cannot be measured here"
    if profile.emulation is not None:
        raise UnavailableError(asked, "its processor is emulated: its times mean nothing")
    if needs_module(profile):
        raise InvalidError(
            asked, "its runner takes PyTorch's programs, and the layers are ONNX files", "name a target such as cpu"
        )
    if profile.precision == "int8":
        raise InvalidError(
            asked, "tables are of float layers, and it computes in int8", "choose widths on a float target"
        )
    state = availability(profile)
    if not state.available:
        raise UnavailableError(asked, state.reason, state.remedy)


def wanted_points(layers: Iterable[FittedLayer], widths: Widths) -> dict[LayerSignature, tuple[_Pair, ...]]:
    """The (inputs, outputs) to measure of each signature. A depthwise layer has its output widths alone.

    Raises InputError for a layer that no table can be measured for, and for widths that it cannot have.
    """
    found: dict[LayerSignature, set[_Pair]] = defaultdict(set)
    for layer in layers:
        if layer.node not in widths:
            continue
        if layer.signature is None:
            raise InputError(f"No latency table can be measured for {layer.node} ({layer.op_type})", layer.missing)
        inputs, outputs = widths[layer.node]
        one = layer.signature
        pairs = [(w, w) for w in outputs] if one.depthwise else [(i, o) for i in inputs for o in outputs]
        wrong = next((pair for pair in pairs if not one.fits(*pair)), None)
        if wrong is not None:
            asked = f"{layer.node} ({layer.op_type}) cannot be {wrong[0]} x {wrong[1]} (inputs x outputs)"
            raise InputError(asked, f"it is a layer of {layer.groups} groups" if layer.groups > 1 else "")
        found[one].update(pairs)
    return {signature: tuple(sorted(pairs)) for signature, pairs in found.items()}


def expected_seconds(
    layers: Iterable[FittedLayer],
    widths: Widths,
    profile: HardwareProfile,
    fingerprint: Fingerprint,
    how: Measuring | None = None,
) -> float:
    """About how long measuring takes; what is kept from before takes nothing. Nothing is run for it.

    A rough figure: the progress of `measure_tables` puts what was seen in its place. Raises as `wanted_points`, and
    StoreError for a damaged table.
    """
    how, rate = how or Measuring(), _macs_per_second(profile, fingerprint)
    missing = _not_kept(Shelf(profile, fingerprint), wanted_points(layers, widths))
    return sum(_seconds(signature, pairs, rate, how) for signature, pairs in missing.items() if pairs)


def measure_tables(
    layers: Sequence[FittedLayer],
    widths: Widths,
    profile: HardwareProfile,
    fingerprint: Fingerprint,
    journey: Journey,
    how: Measuring | None = None,
) -> Tables:
    """The tables of these layers at these widths. Points that are kept from before are not measured again.

    Each signature is kept as soon as it is finished. One that has no table, since it cannot be measured, is in
    `failures` of the result, and the others go on. Raises UnavailableError, InvalidError or InputError as
    `require_measurable` and `wanted_points` do, InvalidError where not one could be measured, StoreError where tables
    cannot be kept.
    """
    require_measurable(profile)
    how, shelf = how or Measuring(), Shelf(profile, fingerprint)
    wanted = wanted_points(layers, widths)
    missing = {signature: pairs for signature, pairs in _not_kept(shelf, wanted).items() if pairs}
    if missing:
        shelf.make_room()
        seconds = expected_seconds(layers, widths, profile, fingerprint, how)
        journey.plan(STAGE, len(missing), seconds / len(missing))
    failures: dict[LayerSignature, str] = {}
    for signature, pairs in missing.items():
        journey.begin(STAGE, f"{profile.name}, {signature.words()}")
        try:
            with alone_on_the_machine():
                table = _measured(signature, pairs, profile, shelf, fingerprint.cpus_online, how, journey)
            shelf.add(table)
        except (InvalidError, UnavailableError, WorkerError) as error:
            failures[signature] = error.reason
            journey.note(f"{signature.words()} on {profile.name}: {error.reason}")
    journey.end()
    found = {signature: kept for signature in wanted if (kept := shelf.read(signature)) is not None}
    if wanted and not found:
        raise InvalidError(f"Not one layer could be measured on {profile.name}", next(iter(failures.values()), ""))
    return Tables(found, {signature: why for signature, why in failures.items() if signature not in found})


def _not_kept(shelf: Shelf, wanted: Mapping[LayerSignature, Sequence[_Pair]]) -> dict[LayerSignature, list[_Pair]]:
    found: dict[LayerSignature, list[_Pair]] = {}
    for signature, pairs in wanted.items():
        kept = shelf.read(signature)
        known = {(one.inputs, one.outputs) for one in kept.points} if kept is not None else set()
        found[signature] = [pair for pair in pairs if pair not in known]
    return found


def _measured(
    signature: LayerSignature,
    pairs: Sequence[_Pair],
    profile: HardwareProfile,
    shelf: Shelf,
    cpus: int,
    how: Measuring,
    journey: Journey,
) -> LatencyTable:
    """One batch of points as a table. Raises InvalidError where nothing of it could be measured."""
    widest = max(pairs, key=lambda pair: signature.macs(*pair))
    control = (Job(*widest), Job(*widest, copy=1))
    batch = Batch(signature, profile, how, cpus, [*(Job(*pair) for pair in pairs), control[1]])
    batch.prove(control[0])
    batch.measure(journey.within)
    failed = {job: seen.failure or _too_quick(seen) for job, seen in batch.seen.items()}
    good = [Job(*pair) for pair in pairs if not failed[Job(*pair)]]
    if failed[control[0]] or failed[control[1]] or not good:
        why = failed[control[0]] or failed[control[1]]
        raise InvalidError(f"{signature.words()} cannot be measured", f"its widest layer: {why}")
    name = secrets.token_hex(8)
    first = median_interval(batch.seen[good[0]].latencies_us)
    return LatencyTable(
        profile=profile.name,
        runner=profile.runner,
        options=profile.options,
        precision=profile.precision,
        threads=profile.threads,
        fingerprint_sha256=shelf.fingerprint_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        xbench_version=__version__,
        simulated=runner_class(profile.runner).simulated,
        signature=signature,
        confidence=first.confidence,
        noise=_noise(batch.seen[control[0]], batch.seen[control[1]]),
        points=tuple(_point(job, batch.seen[job], name) for job in good),
        missing={width_key(job.inputs, job.outputs): why for job, why in failed.items() if why and not job.copy},
    )


def _too_quick(seen: Seen) -> str:
    """Why what was seen is no time of a layer; empty where it is one."""
    if median_interval(seen.latencies_us).point > 0:
        return ""
    return "it takes too little to be told from the noise"


def _noise(one: Seen, other: Seen) -> float:
    """The farther end of the interval of one copy over the other, as a share (rule 3 of the design)."""
    pairs = list(zip(one.latencies_us, other.latencies_us, strict=True))
    if any(a <= 0 or b <= 0 for a, b in pairs):
        return 1.0
    found = median_interval([math.log(a / b) for a, b in pairs])
    return math.expm1(max(abs(found.low), abs(found.high)))


def _point(job: Job, seen: Seen, batch: str) -> LatencyPoint:
    found = median_interval(seen.latencies_us)
    return LatencyPoint(
        inputs=job.inputs,
        outputs=job.outputs,
        latency_us=found.point,
        latency_low_us=max(0.0, found.low),
        latency_high_us=found.high,
        process_latencies_us=tuple(seen.latencies_us),
        samples=seen.samples,
        disturbed=seen.disturbed,
        batch=batch,
    )


def _seconds(signature: LayerSignature, pairs: Sequence[_Pair], rate: float, how: Measuring) -> float:
    """One batch: the proof, and in each process its start and a visit of each point, the copy and the first call."""
    widest = max(pairs, key=lambda pair: signature.macs(*pair))
    each = sum(_visit_seconds(signature.macs(*pair) / rate, how) for pair in (*pairs, widest))
    return 2 * _PROCESS_SECONDS + how.sets * (_PROCESS_SECONDS + each)


def _visit_seconds(layer_seconds: float, how: Measuring) -> float:
    timed = how.warmup_seconds + how.block_seconds
    return sum(2 * (_SESSION_SECONDS + max(timed, _FEWEST_CALLS * copies * layer_seconds)) for copies in COPIES)


def _macs_per_second(profile: HardwareProfile, fingerprint: Fingerprint) -> float:
    """What layers may be expected to reach: a share of the measured ceiling, else of the known peak, else a guess."""
    kept = read_ceilings(profile, fingerprint)
    measured = kept.matmul_tops.get(profile.precision) if kept is not None else None
    known = profile.facts.peak_tops.get(profile.precision)
    tops = measured.best if measured is not None else known.value if known is not None else None
    return _REACHED * tops * 1e12 / 2 if tops is not None else _MACS_PER_THREAD * thread_count(profile.threads)
