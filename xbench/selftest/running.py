"""Runs a self-test: plants, travels the road as `compare` does, and judges."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from ..errors import InputError, UnavailableError
from ..profiles.files import AUTO
from ..progress import Journey
from ..records.run_record import GroupState, RunRecord
from ..road.context import RunOptions
from ..road.story import travel
from .judging import judge
from .planting import BUDGET_SECONDS, plant
from .record import SelfTest


def run_self_test(options: RunOptions, keep: bool, journey: Journey) -> tuple[SelfTest, Path | None]:
    """Measure what is known on one device, and judge it. Gives the run's folder too, where it is kept.

    With `keep` the run stays in `options.output`; else it is in a temporary folder, and goes.

    Raises InputError unless exactly one device is named, UnavailableError where it is not here, and whatever else
    ends a run.
    """
    if len(options.hardware) != 1 or AUTO in options.hardware:
        raise InputError(
            f"A self-test cannot look at --hardware {' '.join(options.hardware) or AUTO}",
            "it is about one device",
            "name one; `xbench hardware list` shows them",
        )
    with tempfile.TemporaryDirectory(prefix="xbench-self-test-") as folder:
        loaded = plant(Path(folder))
        if not keep:
            options = replace(options, output=Path(folder) / "results")
        record, context = travel(loaded, options, journey)
    group = _only_group(record)
    found = judge(group, record.fingerprint, options.budget or BUDGET_SECONDS, loaded.suite.measure.margin)
    return found, context.folder.path if keep else None


def _only_group(record: RunRecord) -> GroupState:
    (device,) = record.devices
    name, here = device.profile.name, device.availability
    if not here.available:
        raise UnavailableError(f"A self-test cannot run on {name}", here.reason, here.remedy)
    if device.profile.emulation is not None:
        raise UnavailableError(f"A self-test cannot run on {name}", "its processor is emulated: times mean nothing")
    (group,) = record.groups
    return group
