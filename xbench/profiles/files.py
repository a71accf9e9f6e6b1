"""Reads profile files: each holds one profile, or one machine with the setups that it is tried in."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError
from ..records.profile import HardwareProfile
from ..validation import validate
from ..yamlfile import Path_, YamlDocument, parse, read_text

AUTO = "auto"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ProfileFile(HardwareProfile):
    """What a file may hold: the keys of a profile, and three that say how files build on each other."""

    extends: Name | tuple[Name, ...] = Field(
        default=(), description="The profile, or profiles, that this one builds on; a later one wins."
    )
    abstract: bool = Field(default=False, description="It may only be extended, and may leave out what is required.")
    setups: tuple[Name, ...] = Field(
        default=(), description="This is a machine: with each of these profiles it makes one, called NAME-SETUP."
    )


FILE_KEYS = frozenset(ProfileFile.model_fields) - frozenset(HardwareProfile.model_fields)


class _Head(BaseModel):
    """The keys that say how a file is to be read. All others are checked once they are put together."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_: Literal["xbench.profile/1"] = Field(alias="schema")
    name: Name
    extends: Name | tuple[Name, ...] = ()
    abstract: bool = False
    setups: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A profile as it was found, before it is put together with what it builds on.

    `parents` are names, each with its place in the file. `setup` and `machine` are the names that a product
    of `setups` is made of; both are empty for a profile that is written as such.
    """

    name: str
    path: Path
    document: YamlDocument
    parents: tuple[tuple[Path_, str], ...]
    abstract: bool
    setup: str = ""
    machine: str = ""


def entries(folder: Path, passed_over: Mapping[str, str]) -> dict[str, Entry]:
    """What the files of a folder give, by name. Raises InputError, also where two of them give one name.

    A file whose text `passed_over` holds under the file's name adds nothing, and is not read again.
    """
    found: dict[str, Entry] = {}
    for path, text in texts(folder).items():
        if passed_over.get(path.name) == text:
            continue
        for entry in _read(path, text):
            known = found.setdefault(entry.name, entry)
            if known is not entry:
                raise InputError(
                    f"{path.name}{_by_setup(entry)}: the profile {entry.name!r} is there already",
                    f"{known.path.name}{_by_setup(known)} in the same folder gives it too",
                    "give it another name",
                )
    return found


def texts(folder: Path) -> dict[Path, str]:
    """The profile files of a folder, and their texts. Raises InputError where one cannot be read."""
    return {path: read_text(path, "hardware profile") for path in sorted(folder.glob("*.yaml"))}


def _by_setup(entry: Entry) -> str:
    return f" (setup {entry.setup})" if entry.setup else ""


# Parsing is what takes time: a text that was parsed before, in another folder or run, is not parsed again.
_parse = functools.lru_cache(maxsize=1024)(parse)


def _read(path: Path, text: str) -> Iterator[Entry]:
    document = _parse(text, path.name)
    head = validate(document, _Head)
    if head.name == AUTO:
        raise InputError(f"{path.name}: a profile cannot be called {AUTO!r}: that asks for all that are here")
    alone = isinstance(head.extends, str)
    names = (head.extends,) if isinstance(head.extends, str) else head.extends
    parents = tuple((("extends",) if alone else ("extends", i), name) for i, name in enumerate(names))
    yield Entry(head.name, path, document, parents, head.abstract or bool(head.setups))
    for i, setup in enumerate(head.setups):
        made_of = ((("setups", i), setup), (("name",), head.name))
        yield Entry(f"{head.name}-{setup}", path, document, made_of, False, setup, head.name)
