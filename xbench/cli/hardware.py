"""Commands on hardware profiles."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from ..errors import UnavailableError
from ..machine.described import Machine, this_machine
from ..machine.fingerprint import fingerprint
from ..profiles.ceilings import read_ceilings
from ..profiles.finding import all_profiles, choose, choose_one
from ..profiles.matching import availability, differences, needed_packages
from ..records.profile import Availability, HardwareProfile
from ..report.text import visible
from .ceilings import ceiling_lines
from .plain_table import visible_table

_READ = "Figures of the target, read at the sources that they name. xbench has measured none of them."
_RUN = "Where this profile has run; `never run`: nobody has seen it work so far."


def list_profiles(folders: Sequence[Path], here_only: bool) -> None:
    """A row for each profile, those that can run here first: whether it can, and else why not."""
    known = all_profiles(folders)
    states = _states(list(known.values()))
    rows = [
        (profile.name, _word(state), profile.evidence, state.reason or profile.title)
        for profile, state in sorted(states, key=lambda one: not one[1].available)
        if state.available or not here_only
    ]
    sys.stdout.write(visible_table(rows, ("profile", "here", "evidence", "what differs, or the title")))


def show_profile(name: str, folders: Sequence[Path]) -> None:
    """One profile as YAML that is a profile file again, with comments on where it is from and on this machine."""
    known = all_profiles(folders)
    profile = choose_one(name, known)
    machine = this_machine(needed_packages([profile]))
    state = availability(profile, machine)
    heading = [f"from {file}" for file in known.files[profile.name]]
    heading += [f"here: {_word(state)}", *_reasons(profile, state, machine)]
    heading += ceiling_lines(read_ceilings(profile, fingerprint()))
    data = profile.model_dump(mode="json", by_alias=True)
    sys.stdout.write("".join(f"# {visible(line)}\n" for line in heading))
    for key, value in data.items():
        if key in ("facts", "evidence"):
            sys.stdout.write(f"# {_READ if key == 'facts' else _RUN}\n")
        sys.stdout.write(yaml.safe_dump({key: value}, sort_keys=False))


def check_profiles(names: Sequence[str], folders: Sequence[Path]) -> int:
    """A line for each named profile, or for each that can run here. Returns the exit code: 0 if all can, else 4."""
    known = all_profiles(folders)
    if names:
        chosen = choose(names, known)
        machine = this_machine(needed_packages(chosen))
        shown = [(profile, availability(profile, machine)) for profile in chosen]
    else:
        shown = [one for one in _states(list(known.values())) if one[1].available]
    for profile, state in shown:
        parts = [f"{profile.name}: {_word(state)}", state.reason or profile.title, state.remedy]
        sys.stdout.write(visible("; ".join(part for part in parts if part)) + "\n")
    can = bool(shown) and all(state.available for _, state in shown)
    return 0 if can else UnavailableError.exit_code


def _states(profiles: Sequence[HardwareProfile]) -> list[tuple[HardwareProfile, Availability]]:
    """Whether each can run here. Of another machine's profile no runner is asked: that can take seconds."""
    machine = this_machine(needed_packages(profiles))
    return [(profile, _differing(profile, machine) or availability(profile, machine)) for profile in profiles]


def _differing(profile: HardwareProfile, machine: Machine) -> Availability | None:
    reason = "; ".join(differences(profile, machine))
    return Availability(available=False, reason=reason) if reason else None


def _word(state: Availability) -> str:
    return "yes" if state.available else "no"


def _reasons(profile: HardwareProfile, state: Availability, machine: Machine) -> list[str]:
    different = differences(profile, machine) or ((state.reason,) if state.reason else ())
    return [f"  {line}" for line in (*different, f"to do: {state.remedy}" if state.remedy else "") if line]
