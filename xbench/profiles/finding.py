"""Finds hardware profiles: the shipped ones, and those in folders of the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..errors import InputError
from ..records.profile import HardwareProfile
from .files import AUTO, Entry, entries, texts
from .resolving import lineage, no_such, resolve, runner_of

FOLDER = "hardware_profiles"


@dataclass(frozen=True)
class Profiles(Mapping[str, HardwareProfile]):
    """All profiles that can be chosen, by name. `files`: those that each was put together from, its own last.

    `abstract`: those that can only be extended, each with the names of what can be chosen in its place: what it
    is extended by itself, or, if that is abstract too, all that is made of it.
    """

    by_name: Mapping[str, HardwareProfile]
    files: Mapping[str, tuple[Path, ...]]
    abstract: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> HardwareProfile:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


def shipped_profiles() -> Profiles:
    """The profiles that come with xbench, as they are, whatever the user's own say."""
    return _profiles(())


def reference_profile() -> HardwareProfile:
    """The CPU without graph optimisations: what every other runner's outputs are held against (rule 12)."""
    cpu = shipped_profiles()["cpu"]
    return cpu.model_copy(update={"options": {**cpu.options, "optimisation": "none"}})


def all_profiles(folders: Sequence[Path] = ()) -> Profiles:
    """The profiles of all folders: shipped, the user's, the working directory's, and these; a later one wins.

    Raises InputError for a file that cannot be used, and where one of `folders` is missing.
    """
    for folder in folders:
        if not _is_folder(folder):
            raise InputError(f"The profile folder {folder} does not exist", "", "check --profile-dir")
    return _profiles((*(folder for folder in _usual_folders() if _is_folder(folder)), *folders))


def choose(names: Sequence[str], known: Profiles) -> list[HardwareProfile]:
    """The profiles of these names, in order, each once; `auto` stands for all that may be tried unasked."""
    chosen: dict[str, HardwareProfile] = {}
    for name in names:
        if name == AUTO:
            chosen |= {p.name: p for p in known.values() if p.auto}
        elif name in known:
            chosen[name] = known[name]
        elif name in known.abstract:
            instead = known.abstract[name]
            raise InputError(
                f"The hardware profile {name!r} is a part of others, and none by itself",
                f"it makes {', '.join(instead)}" if instead else "no other extends it so far",
                "name one of these" if instead else f"write one with `extends: {name}`",
            )
        else:
            raise no_such("There", name, known)
    return list(chosen.values())


def choose_one(name: str, known: Profiles) -> HardwareProfile:
    """The profile of this name. Raises InputError, for `auto` too, which may stand for many."""
    if name == AUTO:
        raise InputError(f"One profile was asked for, and {AUTO!r} stands for all that are here", "", "name one")
    return choose([name], known)[0]


def _shipped_folder() -> Path:
    return Path(str(resources.files("xbench.hardware_profiles")))


def _usual_folders() -> Iterator[Path]:
    """The user's folder (XDG Base Directory Specification 0.8: a relative path counts as none), then `./`."""
    config = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if config.is_absolute():
        yield config / "xbench" / FOLDER
    elif os.environ.get("HOME"):
        yield Path(os.environ["HOME"]) / ".config" / "xbench" / FOLDER
    yield Path(FOLDER)


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError as error:
        raise InputError(f"The profile folder {folder} cannot be read", error.strerror or str(error)) from error


def _profiles(folders: Sequence[Path]) -> Profiles:
    shipped = _shipped_folder()
    # A folder that is named twice counts where it comes last; the shipped one always counts first.
    further = dict.fromkeys(folder.resolve() for folder in reversed(folders))
    further.pop(shipped.resolve(), None)
    known = _laid_over({}, entries(shipped, {}))
    copies = {path.name: text for path, text in texts(shipped).items()} if further else {}
    for folder in reversed(further):
        known = _laid_over(known, entries(folder, copies))
    resolved = {name: resolve(entry, known) for name, entry in known.items()}
    lines = {name: lineage(entry, known) for name, entry in known.items()}
    concrete = [name for name, entry in known.items() if not entry.abstract]
    return Profiles(
        {name: resolved[name] for name in concrete},
        {name: tuple(dict.fromkeys(one.path for one in lines[name])) for name in concrete},
        {name: _instead(name, concrete, known, lines) for name, entry in known.items() if entry.abstract},
    )


def _instead(
    name: str, concrete: Sequence[str], known: Mapping[str, Entry], lines: Mapping[str, tuple[Entry, ...]]
) -> tuple[str, ...]:
    children = [one for one in concrete if name in (parent for _, parent in known[one].parents)]
    return tuple(children or [one for one in concrete if known[name] in lines[one]])


def _laid_over(below: Mapping[str, Entry], above: Mapping[str, Entry]) -> dict[str, Entry]:
    """What is known once a further folder is read. It may build on those before it, never on one after it."""
    # With a machine's file, what it made goes too.
    stay = {name: entry for name, entry in below.items() if not (entry.machine and entry.machine in above)}
    known = {**stay, **above}
    runners = {name: runner_of(entry, known) for name, entry in known.items()}
    if not above.keys() & below.keys():
        return known
    for name, entry in below.items():
        before, now = runner_of(entry, below), runners.get(name)
        if before is not None and now is not None and before != now:
            raise InputError(
                f"{known[name].path.name}: the profile {name!r} is there already, with the runner {before!r}",
                f"here it has {now!r}: its figures would stand under another device's name",
                "give it another name",
            )
    return known
