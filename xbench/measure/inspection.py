"""What is asked of a worker apart from the timed runs: outputs, shapes, and the proof of placement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError, InvalidError
from ..protocols import Feeds, Outputs, ProfileReport
from ..records.measurement import Placement
from ..records.profile import HardwareProfile, PlacementRule
from .exchange import read_arrays, write_arrays
from .process import WorkerProcess
from .worker import split_sets


def write_inputs(path: Path, sets: Sequence[Feeds]) -> None:
    """Write sets of inputs as a worker reads them."""
    write_arrays(path, {f"{i}/{name}": array for i, feed in enumerate(sets) for name, array in feed.items()})


class LoadedModel:
    """A model loaded in a worker of its own, to be asked for outputs; see `loaded`."""

    def __init__(self, process: WorkerProcess, folder: Path) -> None:
        self._process = process
        self._folder = folder
        answer = process.request("load")
        self.placement = Placement.model_validate(answer["placement"])

    def infer(self, sets: Sequence[Feeds]) -> list[Outputs]:
        """One inference for each set of inputs, each within the time limit."""
        return [self._infer_one(feeds) for feeds in sets]

    def _infer_one(self, feeds: Feeds) -> Outputs:
        inputs, outputs = self._folder / "inputs.npz", self._folder / "outputs.npz"
        write_inputs(inputs, [feeds])
        self._process.request("infer", inputs=str(inputs), outputs=str(outputs))
        found = split_sets(read_arrays(outputs))
        if not found:
            raise InvalidError("The model gave no outputs for these inputs")
        return dict(found[0])

    def profile(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """A profiled run in a session apart."""
        inputs = self._folder / "profile.npz"
        write_inputs(inputs, [feeds])
        answer = self._process.request("profile_run", inputs=str(inputs), optimised=optimised)
        return ProfileReport(answer["provider_ns"], answer["output_shapes"])


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
