"""The command that measures this machine's own ceilings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from .._version import __version__
from ..errors import InterruptedRunError, UnavailableError
from ..machine.fingerprint import fingerprint
from ..measure.probing import Probe, Probed, probe_ceilings
from ..plugins import runner_class
from ..profiles.ceilings import ceilings_file, make_room, write_ceilings
from ..profiles.finding import all_profiles, choose_one
from ..profiles.matching import availability
from ..records.ceilings import Ceilings
from ..records.fingerprint import Fingerprint
from ..records.profile import HardwareProfile
from ..report.text import visible
from .ceilings import ceiling_lines
from .showing import STDOUT, write_data
from .travelling import on_the_way

_STAGE = "probe"
_SECONDS_EACH = 8.0


def probe_and_show(name: str, folders: Sequence[Path], json_file: str | None, quiet: bool) -> None:
    """Measure the ceilings of this machine through a profile, keep them, and show them."""
    profile = choose_one(name, all_profiles(folders))
    _require_here(profile)
    machine = fingerprint()
    path = ceilings_file(profile, machine)
    make_room(path)
    interrupted = InterruptedRunError("Interrupted", "nothing was kept", "start the probe again")
    with on_the_way(json_file, quiet, interrupted) as journey:
        how = Probe()
        journey.plan(_STAGE, len(how.steps), _SECONDS_EACH)
        probed = probe_ceilings(profile, how, lambda step: journey.begin(_STAGE, step))
    found = _record(profile, machine, probed)
    write_ceilings(path, found)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True), json_file)
    if json_file != STDOUT:
        sys.stdout.write("".join(visible(line) + "\n" for line in ceiling_lines(found)))


def _require_here(profile: HardwareProfile) -> None:
    state = availability(profile)
    if not state.available:
        raise UnavailableError(f"The ceilings of {profile.name} cannot be measured here", state.reason, state.remedy)
    if profile.emulation is not None:
        raise UnavailableError(
            f"The ceilings of {profile.name} cannot be measured", "its processor is emulated: its times mean nothing"
        )


def _record(profile: HardwareProfile, machine: Fingerprint, probed: Probed) -> Ceilings:
    return Ceilings(
        profile=profile.name,
        runner=profile.runner,
        options=profile.options,
        precision=profile.precision,
        threads=profile.threads,
        fingerprint_sha256=machine.sha256,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        xbench_version=__version__,
        simulated=runner_class(profile.runner).simulated,
        memory_copy_gb_per_s=probed.memory_copy_gb_per_s,
        matmul_tops=probed.matmul_tops,
        missing=probed.missing,
    )
