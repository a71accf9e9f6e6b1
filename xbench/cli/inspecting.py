"""The command that looks into ONNX files: which sparsity is in there, and what it can be worth on which target."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..errors import InterruptedRunError, InvalidError
from ..inspecting.looking import Looking, Target, inspect_file
from ..inspecting.record import Inspections
from ..inspecting.valuing import families
from ..machine.fingerprint import fingerprint
from ..onnxfile.wishes import Wanted
from ..profiles.ceilings import read_ceilings
from ..profiles.finding import all_profiles, choose
from ..report.text import visible
from .inspected import as_text
from .showing import STDOUT, write_data
from .travelling import on_the_way

_STAGE = "inspect"
_SECONDS_EACH = 4.0


@dataclass(frozen=True)
class Asked:
    """What the command line says. No `hardware` means every profile."""

    hardware: Sequence[str]
    folders: Sequence[Path]
    wanted: Wanted
    time_limit: float | None
    every_layer: bool
    json_file: str | None
    quiet: bool


def inspect_and_show(files: Sequence[Path], asked: Asked) -> int:
    """Look at each file, and show what was found. Returns the exit code: 0, or 4 where a file is not what it says, or
    zeros are lost on its way into the runtime."""
    interrupted = InterruptedRunError("Interrupted", "nothing was shown", "start `xbench inspect` again")
    with on_the_way(asked.json_file, asked.quiet, interrupted) as journey:
        how = Looking(_targets(asked), asked.wanted, asked.time_limit or Looking.time_limit)
        journey.plan(_STAGE, len(files), _SECONDS_EACH)
        found = []
        for file in files:
            journey.begin(_STAGE, file.name)
            found.append(inspect_file(file, how))
        journey.end()
    code = InvalidError.exit_code if any(one.faults for one in found) else 0
    if asked.json_file is not None:
        record = Inspections(xbench_version=__version__, files=tuple(found), exit_code=code)
        write_data(record.model_dump(mode="json", by_alias=True), asked.json_file)
    if asked.json_file != STDOUT:
        sys.stdout.write("\n".join(as_text(one, asked.every_layer, bool(asked.hardware)) for one in found))
    for one in found:
        for fault in one.faults:
            sys.stderr.write(f"xbench: {visible(one.file)}: {visible(fault)}\n")
    sys.stdout.flush()
    return code


def _targets(asked: Asked) -> list[Target]:
    known = all_profiles(asked.folders)
    chosen = choose(asked.hardware, known) if asked.hardware else list(known.values())
    under, machine = families(known.abstract, list(known)), fingerprint()
    return [Target(profile, under[profile.name], read_ceilings(profile, machine)) for profile in chosen]
