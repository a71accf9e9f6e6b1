"""Reads YAML that a stranger may have written: bounded in size, without aliases, tags or duplicate keys.

`yaml.safe_load` alone runs for ever on a merge bomb and passes duplicate keys in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import InputError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A document, and the line and column (from 1) of each key or item in it by its path."""

    data: Any
    positions: dict[Path_, tuple[int, int]]
    text: str
    name: str

    def position(self, path: Path_) -> tuple[int, int]:
        """Where a path stands; the nearest enclosing one where the path itself is missing."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (1, 1))

    def place(self, path: Path_) -> str:
        """The same in words: `FILE:LINE:COLUMN`."""
        line, column = self.position(path)
        return f"{self.name}:{line}:{column}"


_PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))


class _Loader(yaml.SafeLoader):
    """Refuses aliases while composing, so that no bomb is ever expanded; and tags, which name types."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not taken", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem=f"the tag {event.tag!r} is not taken", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def read_text(path: Path, what: str) -> str:
    """The text of a small regular file in UTF-8. Raises InputError that says what is wrong with it."""
    try:
        if not path.exists():
            raise InputError(f"The {what} {path} does not exist", "", "check the path")
        if not path.is_file():
            raise InputError(f"The {what} {path} is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"The {what} {path} has more than {MAX_BYTES:,} bytes", "", f"a {what} is a short text")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        raise InputError(f"The {what} {path} cannot be read", found, "save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read", error.strerror or str(error)) from error


def parse(text: str, name: str) -> YamlDocument:
    """Parse a document. Raises InputError with line and column."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        positions: dict[Path_, tuple[int, int]] = {}
        data = _build(loader, node, (), positions) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise InputError(f"{where}: {error.problem or 'this is no YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{name}: this is no YAML that can be read", " ".join(str(error).split())[:300]) from error
    return YamlDocument(data, positions, text, name)


def _fail(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _build(loader: _Loader, node: yaml.Node, path: Path_, positions: dict[Path_, tuple[int, int]]) -> Any:
    positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(path) > MAX_DEPTH:
        raise _fail(node, f"nested more than {MAX_DEPTH} deep")
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, positions)
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, i), positions) for i, item in enumerate(node.value)]
    return _scalar(loader, node)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    if node.tag not in _PLAIN:
        # Dates: nothing in a suite is one, and `2024-01-01` as a name should stay what was written.
        return node.value
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise _fail(node, f"{node.value[:80]!r} is no number") from error


def _mapping(
    loader: _Loader, node: yaml.MappingNode, path: Path_, positions: dict[Path_, tuple[int, int]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
            raise _fail(key_node, "this key is not taken: keys are plain words")
        key = str(key_node.value)
        if key in found:
            raise _fail(key_node, f"the key {key!r} stands here twice")
        positions[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        found[key] = _build(loader, value_node, (*path, key), positions)
    return found
