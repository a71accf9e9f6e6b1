"""Puts a profile together with what it builds on. Each key remembers the file that it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..errors import InputError, did_you_mean
from ..records.profile import HardwareProfile
from ..validation import validate
from ..yamlfile import Path_, YamlDocument
from .files import FILE_KEYS, Entry, ProfileFile

NEVER_RUN = "never run"
# What a profile says of itself alone. Where one has run, its child has not.
_OWN = FILE_KEYS | {"schema", "name", "evidence"}
_FEW = 12  # names that an error lists
# What is required of a profile, for one that may leave it out.
_BLANKS = {"title": "-", "runner": "-", "evidence": NEVER_RUN}


@dataclass(frozen=True, slots=True)
class _Merged(YamlDocument):
    """A document put together out of several, each key with the one that it came from."""

    origins: Mapping[Path_, YamlDocument] = field(default_factory=dict)

    def place(self, path: Path_) -> str:
        above = path
        while above and above not in self.origins:
            above = above[:-1]
        origin = self.origins.get(above)
        return origin.place(path) if origin is not None else YamlDocument.place(self, path)


def lineage(entry: Entry, known: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """All that a profile builds on, and itself last: each once, what is extended before what extends it.

    Raises InputError for a circle, which it tells whole, and for a name that is not there.
    """
    done: dict[str, Entry] = {}

    def visit(one: Entry, trail: tuple[str, ...]) -> None:
        for place, name in one.parents:
            if name in (*trail, one.name):
                circle = (*trail, one.name, name)
                raise InputError(
                    f"{one.document.place(place)}: a profile cannot build on itself",
                    f"it goes round: {' -> '.join(circle[circle.index(name) :])}",
                    "take one of these steps away",
                )
            if name not in known:
                what = "setups" if one.setup else "extends"
                raise no_such(f"{one.document.place(place)}: {what}: there", name, known)
            if name not in done:
                visit(known[name], (*trail, one.name))
        done[one.name] = one

    visit(entry, ())
    return tuple(done.values())


def no_such(before: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a profile that is not there, with the nearest name."""
    names = sorted(known)
    few = len(names) <= _FEW
    return InputError(
        f"{before} is no hardware profile {name!r}",
        f"known are {', '.join(names)}" if few else f"{len(names)} are known; `xbench hardware list` shows them",
        did_you_mean(name, names),
    )


def runner_of(entry: Entry, known: Mapping[str, Entry]) -> str | None:
    """The runner that an entry ends up with; None where neither it nor what it builds on names one."""
    named = [one.document.data["runner"] for one in lineage(entry, known) if _says(one, "runner")]
    return named[-1] if named else None


def resolve(entry: Entry, known: Mapping[str, Entry]) -> HardwareProfile:
    """The profile that an entry stands for. One that is abstract is checked too, its gaps filled with blanks.

    Raises InputError, with the file, line and column that the key came from.
    """
    document = _document(entry, known)
    checked = validate(document, ProfileFile)
    for name, versions in checked.requires.libraries.items():
        try:
            SpecifierSet(versions)
        except InvalidSpecifier as error:
            where = document.place(("requires", "libraries", name))
            wrong = f"{where}: requires.libraries.{name}: {versions!r} names no versions"
            raise InputError(wrong, "", "write them as pip does, such as '>=1.26,<2'") from error
    fields = {name: value for name, value in checked if name not in FILE_KEYS}
    # Options as they will be once they are stored and read again: a list stays a list.
    fields |= {"schema": fields.pop("schema_"), "options": deepcopy(document.data.get("options", {}))}
    return HardwareProfile.model_validate(fields)


def _document(entry: Entry, known: Mapping[str, Entry]) -> YamlDocument:
    line = lineage(entry, known)
    data: dict[str, Any] = dict(_BLANKS) if entry.abstract else {}
    origins: dict[Path_, YamlDocument] = {}
    if len(line) > 1:
        data["evidence"] = NEVER_RUN
    for one in line[:-1]:
        inherited = {key: value for key, value in _own(one, known).items() if key not in _OWN}
        data = _over(data, inherited, (), one.document, origins)
    own = {key: value for key, value in _own(entry, known).items() if key not in FILE_KEYS}
    data = _over(data, own, (), entry.document, origins)
    file = entry.document
    return _Merged(data, file.positions, file.text, file.name, origins)


def _says(entry: Entry, key: str) -> bool:
    return not entry.setup and key in entry.document.data


def _own(entry: Entry, known: Mapping[str, Entry]) -> dict[str, Any]:
    """What an entry itself adds to what it builds on."""
    if not entry.setup:
        return dict(entry.document.data)
    title = f"{_title(known[entry.machine], known)}: {_title(known[entry.setup], known)}"
    schema = entry.document.data["schema"]
    return {"schema": schema, "name": entry.name, "title": title, "auto": False}


def _title(entry: Entry, known: Mapping[str, Entry]) -> str:
    titles = [_own(one, known)["title"] for one in lineage(entry, known) if one.setup or _says(one, "title")]
    if not titles:
        raise InputError(
            f"{entry.document.place(('name',))}: the profile {entry.name!r} needs a title",
            "a machine and its setup give theirs to the profile that they make",
        )
    return str(titles[-1])


def _over(
    below: dict[str, Any],
    above: dict[str, Any],
    path: Path_,
    document: YamlDocument,
    origins: dict[Path_, YamlDocument],
) -> dict[str, Any]:
    """One mapping laid over another: mappings by key, all else replaced. Origins are noted on the way."""
    merged = dict(below)
    if not path and "cost_per_hour" in above:
        merged.pop("cost_source", None)  # that was the source of another price
    for key, value in above.items():
        here, old = (*path, key), merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and not _is_fact(here, value):
            merged[key] = _over(old, value, here, document, origins)
            continue
        for stale in [one for one in origins if one[: len(here)] == here]:
            del origins[stale]
        origins[here] = document
        merged[key] = value
    return merged


def _is_fact(path: Path_, value: dict[str, Any]) -> bool:
    """A figure and its source belong together: with another figure, the old source would be a wrong one."""
    return path[0] == "facts" and not value.keys().isdisjoint(("value", "source"))
