"""Finds hardware profiles: the shipped ones, and those in a folder of the user's."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ..errors import InputError
from ..records.profile import HardwareProfile
from ..validation import validate
from ..yamlfile import parse, read_text

AUTO = "auto"


def read_profile(path: Path) -> HardwareProfile:
    """One profile from its file. Raises InputError with line and column."""
    profile = validate(parse(read_text(path, "hardware profile"), path.name), HardwareProfile)
    if profile.name == AUTO:
        raise InputError(f"{path.name}: a profile cannot be called {AUTO!r}: that asks for all that are here")
    return profile


def all_profiles(folders: Sequence[Path] = ()) -> dict[str, HardwareProfile]:
    """The shipped profiles and those of the folders, by name; a later folder's wins. Raises InputError."""
    shipped = Path(str(resources.files("xbench.hardware_profiles")))
    found: dict[str, HardwareProfile] = {}
    for folder in (shipped, *folders):
        if not folder.is_dir():
            raise InputError(f"The profile folder {folder} does not exist")
        for file in sorted(folder.glob("*.yaml")):
            profile = read_profile(file)
            known = found.get(profile.name)
            if known is not None and known.runner != profile.runner:
                raise InputError(
                    f"{file.name}: the profile {profile.name!r} is there already, with the runner {known.runner!r}",
                    f"here it has {profile.runner!r}: its figures would stand under another device's name",
                    "give it another name",
                )
            found[profile.name] = profile
    return found


def choose(names: Sequence[str], known: dict[str, HardwareProfile]) -> list[HardwareProfile]:
    """The profiles of these names, in order, each once; `auto` stands for all that may be tried unasked."""
    chosen: dict[str, HardwareProfile] = {}
    for name in names:
        if name == AUTO:
            chosen |= {p.name: p for p in known.values() if p.auto}
        elif name in known:
            chosen[name] = known[name]
        else:
            near = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"There is no hardware profile {name!r}",
                f"known are {', '.join(sorted(known))}",
                f"did you mean {near[0]!r}?" if near else "",
            )
    return list(chosen.values())
