"""What is asked of a worker apart from the timed runs: outputs, shapes, and the proof of placement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError, InvalidError
from ..protocols import Feeds, Outputs, ProfileReport
from ..records.audit import OptimisedAudit
from ..records.measurement import CacheUse, ColdStart, MemoryUse, NodeTime, OperatorTime, Placement, WarmUp
from ..records.profile import HardwareProfile, PlacementRule
from .exchange import read_sets, write_inputs
from .process import WorkerProcess
from .streaming import Context, stream

_MS = 1e6  # nanoseconds
_PROFILED_CALLS = 5  # of a slow model; see `Runner.profile_run`


class LoadedModel:
    """A model loaded in a worker of its own, to be asked for outputs; see `loaded`."""

    def __init__(self, process: WorkerProcess, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._loaded = process.request("load")
        self._first_ns = 0
        self._call_seconds = 0.0
        self.placement = Placement.model_validate(self._loaded["placement"])

    @property
    def played(self) -> str:
        """The proof, in words, that an emulated processor is played; empty elsewhere."""
        return self._process.played

    def come_up(self, sets: Sequence[Feeds], look_seconds: float) -> WarmUp:
        """The first inference, and then calls for some `look_seconds`: from which on they are steady.

        Asked first, right after loading, or the first inference is none.
        """
        inputs = self._folder / "timed"
        write_inputs(inputs, sets)
        self._process.request("read_inputs", inputs=str(inputs))
        self._first_ns = self._process.request("bind")["first_inference_ns"]
        # It looks up to three times as long, and makes 12 calls at least.
        expected = 3 * look_seconds + 16 * self._first_ns / 1e9
        answer = self._process.request("settle", look_seconds=look_seconds, expected_seconds=expected)
        return WarmUp.model_validate(answer)

    def timed(self, feeds: Feeds, calls: int) -> Sequence[int]:
        """Durations of so many inferences in nanoseconds, after a warm-up."""
        inputs = self._folder / "timed"
        write_inputs(inputs, [feeds])
        self._process.request("read_inputs", inputs=str(inputs))
        self._process.request("bind")
        self._process.request("warm_up", seconds=0.1, calls=3)
        samples: Sequence[int] = self._process.request("block", queries=calls, first=0, calls_per_query=1)[
            "samples_ns"
        ]
        return samples

    def memory(self) -> MemoryUse:
        """The peaks of this process until now."""
        return MemoryUse.model_validate(self._process.request("memory"))

    def cold_start(self) -> ColdStart:
        """What it cost to come up, and to create the session once more. Asked last: it closes the first session."""
        again = self._process.request("load_again")
        return ColdStart(
            process_start_ms=self._process.process_start_ns / _MS,
            import_ms=self._process.import_ns / _MS,
            session_creation_ms=self._loaded["session_ns"] / _MS,
            first_inference_ms=self._first_ns / _MS,
            second_session_creation_ms=again["session_ns"] / _MS,
            cache=CacheUse.model_validate(again["first_cache"]),
            second_cache=CacheUse.model_validate(again["cache"]),
        )

    def infer(self, sets: Sequence[Feeds]) -> list[Outputs]:
        """One inference for each set of inputs, each within the time limit."""
        return [self._infer_one(feeds) for feeds in sets]

    def _infer_one(self, feeds: Feeds) -> Outputs:
        inputs, outputs = self._folder / "inputs", self._folder / "outputs"
        write_inputs(inputs, [feeds])
        start = time.monotonic()
        self._process.request("infer", inputs=str(inputs), outputs=str(outputs))
        self._call_seconds = max(self._call_seconds, time.monotonic() - start)
        found = read_sets(outputs)
        if not found:
            raise InvalidError("The model gave no outputs for these inputs")
        return found[0]

    def stream(self, batches: Iterable[tuple[Feeds, Context]]) -> Iterator[tuple[Context, Outputs]]:
        """Inferences one after the other, while the caller prepares others; see `streaming.stream`."""
        return stream(self._process, self._folder, batches)

    def profile(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """Profiled runs in a session apart."""
        inputs = self._folder / "profile"
        write_inputs(inputs, [feeds])
        expected = _PROFILED_CALLS * self._call_seconds
        answer = self._process.request(
            "profile_run", inputs=str(inputs), optimised=optimised, expected_seconds=expected
        )
        return ProfileReport(
            provider_ns=answer["provider_ns"],
            output_shapes=answer["output_shapes"],
            operators=tuple(OperatorTime.model_validate(one) for one in answer["operators"]),
            notes=tuple(answer["notes"]),
            nodes=tuple(NodeTime.model_validate(one) for one in answer["nodes"]),
            origins={name: tuple(origins) for name, origins in answer["origins"].items()},
        )

    def optimised(self) -> OptimisedAudit:
        """What became of the file's zeros in the graph that the runtime made of it. Asked after all that is timed.

        Raises InvalidError where some are gone.
        """
        # It creates a session once more, writes the graph and reads it.
        expected = 10 * self._loaded["session_ns"] / 1e9
        return OptimisedAudit.model_validate(self._process.request("optimised", expected_seconds=expected))


@contextmanager
def loaded(path: Path, label: str, profile: HardwareProfile, time_limit: float) -> Iterator[LoadedModel]:
    """Load a model in a fresh worker; the worker ends with the context."""
    with (
        tempfile.TemporaryDirectory(prefix="xbench-") as folder,
        WorkerProcess(path, label, profile, time_limit) as process,
    ):
        yield LoadedModel(process, Path(folder))


def check_placement(placement: Placement, provider_ns: Mapping[str, int], profile: HardwareProfile) -> Placement:
    """The placement with its share of time by provider. Raises InvalidError below the profile's threshold.

    Without a rule in the profile, the runner's own provider must have the default share: never is a time of one
    provider shown under the name of another.
    """
    total = sum(provider_ns.values())
    shares: dict[str, Any] = {name: ns / total for name, ns in provider_ns.items()} if total else {}
    proven = placement.model_copy(update={"time_share": shares})
    rule = profile.placement or PlacementRule(provider=placement.asked)
    if rule.provider != placement.asked:
        raise InputError(
            f"Profile {profile.name} asks for a placement on {rule.provider}",
            f"its runner {profile.runner!r} runs on {placement.asked}",
            "name the runner's own provider under placement",
        )
    if not total and set(placement.nodes) == {rule.provider}:
        return proven  # kernel times are whole microseconds: all of a tiny model's may be 0, and its nodes tell
    share = shares.get(rule.provider, 0.0)
    if share < rule.min_time_share:
        others = ", ".join(f"{name} {part:.0%}" for name, part in shares.items() if name != rule.provider)
        raise InvalidError(
            f"{rule.provider} spent {share:.0%} of the kernel time, and {profile.name} asks for "
            f"{rule.min_time_share:.0%}",
            f"the rest: {others or 'nothing was profiled'}",
            "operators that the provider does not have fall back to another one",
        )
    return proven
