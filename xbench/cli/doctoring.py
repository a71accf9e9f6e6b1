"""Looks at this machine for a command, and tells what was found."""

from __future__ import annotations

import sys

from ..doctor.examining import examine
from ..doctor.record import Checkup, ProviderCheck, Trap
from ..errors import InterruptedRunError
from ..profiles.finding import shipped_profiles
from ..report.text import visible
from .plain_table import visible_table
from .showing import STDOUT, write_data
from .travelling import on_the_way


def doctor_and_show(json_file: str | None, quiet: bool) -> int:
    """Look at all providers and traps, and show them. Returns the exit code."""
    interrupted = InterruptedRunError("Interrupted", "not all was looked at", "start `xbench doctor` again")
    with on_the_way(json_file, quiet, interrupted) as journey:
        found = examine(shipped_profiles().values(), journey)
    if json_file is not None:
        data = found.model_dump(mode="json", by_alias=True) | {"exit_code": found.exit_code}
        write_data(data, json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found))
    sys.stdout.flush()
    return found.exit_code


def as_text(found: Checkup) -> str:
    """Both tables, the commands that mend something, and the sum of it on one line; safe for a terminal."""
    providers = visible_table(
        [_provider(one) for one in found.providers],
        ("provider", "installed", "loadable", "usable", "version", "what or why"),
    )
    traps = visible_table([_trap(one) for one in found.traps], ("trap", "here", "what was found, and why it matters"))
    return f"{providers}\n{traps}\n{_commands(found)}{visible(summary(found))}\n"


def _commands(found: Checkup) -> str:
    """One line for each: in the cell of a table a command would be broken, and could not be copied."""
    mended = [(one.name, one.remedy) for one in found.providers if one.remedy]
    mended += [(trap.name, trap.remedy) for trap in found.traps if trap.remedy]
    width = max((len(name) for name, _ in mended), default=0)
    lines = [visible(f"  {name:<{width}}  {remedy}") for name, remedy in mended]
    return "\n".join(["What mends it:", *lines, "", ""]) if lines else ""


def summary(found: Checkup) -> str:
    """What it comes to."""
    usable = [one.name for one in found.providers if one.usable]
    sick = [one.name for one in found.providers if one.sick]
    sprung = [trap.name for trap in found.traps if trap.sprung]
    parts = [f"{len(usable)} of {len(found.providers)} providers can be used here: {', '.join(usable) or 'none'}"]
    if sick:
        parts.append(f"installed, and not usable: {', '.join(sick)}")
    parts.append(f"traps: {', '.join(sprung) or 'none'}")
    return "; ".join(parts) + "."


def _provider(one: ProviderCheck) -> tuple[object, ...]:
    placed = ", ".join(f"{count} on {name}" for name, count in one.nodes.items())
    ran = f"two nodes ran right: {placed}" if one.usable else ""
    return (
        one.name,
        _word(one.installed),
        _word(one.loadable),
        _word(one.usable),
        f"{one.package} {one.version}".strip() or "-",
        one.reason or ran,
    )


def _trap(one: Trap) -> tuple[object, ...]:
    told = f"{one.found}. {one.matters[:1].upper()}{one.matters[1:]}." if one.sprung else one.found
    return one.name, "SPRUNG" if one.sprung else "no", told


def _word(state: bool | None) -> str:
    return "-" if state is None else "yes" if state else "no"
