"""Writes the tables of docs/suite.md, docs/policy.md and docs/hardware-profiles.md: `python scripts/suite_docs.py`.

They come out of the schemas of a suite, a policy file and a profile file. Tests hold them equal.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from xbench.profiles.files import ProfileFile
from xbench.suite.model import json_schema
from xbench.suite.rules import json_schema as policy_schema

DOCS = Path(__file__).parent.parent / "docs"
BEGIN = "<!-- begin: written by scripts/suite_docs.py -->"
END = "<!-- end -->"
Schema = dict[str, Any]
# The keys that tell the branches of a union apart: they come first.
_TELLING = ("method", "task")


def tables(schema: Schema, what: str) -> str:
    """A heading and a table for each mapping of a file, in the order in which a reader meets them."""
    places: dict[str, list[str]] = {}
    _collect(schema, schema, "", places)
    parts = [_table(f"the {what} itself", schema, schema)]
    for name, paths in places.items():
        parts.append(
            _table(" and ".join(f"`{path}`" for path in dict.fromkeys(paths)), schema["$defs"][name], schema)
        )
    return "\n\n".join(parts)


def page(old: str, schema: Schema, what: str = "suite") -> str:
    """The page with its tables written anew."""
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables(schema, what)}\n\n{END}{after}"


def _collect(place: Schema, root: Schema, path: str, places: dict[str, list[str]]) -> None:
    for key, value in place.get("properties", {}).items():
        inner = f"{path}.{key}" if path else key
        for name, suffix in _references(value):
            target = root["$defs"][name]
            places.setdefault(name, []).append(inner + suffix + _branch(target))
            _collect(target, root, inner + suffix, places)


def _references(value: Any, suffix: str = "") -> list[tuple[str, str]]:
    """Names of the definitions in a property, each with `[]` for items and `.NAME` for values of a mapping."""
    if "$ref" in value:
        return [(value["$ref"].rsplit("/", 1)[1], suffix)]
    found = [r for kind in ("anyOf", "oneOf") for branch in value.get(kind, ()) for r in _references(branch, suffix)]
    for key, more in (("items", "[]"), ("additionalProperties", ".NAME")):
        if isinstance(value.get(key), dict):
            found += _references(value[key], suffix + more)
    return found


def _branch(target: Schema) -> str:
    """Which branch of a union this is, by the one key that all its branches have with a fixed value."""
    return next(
        (
            f" with {key}: {value['const']}"
            for key, value in target["properties"].items()
            if key in _TELLING and "const" in value
        ),
        "",
    )


def _table(title: str, place: Schema, root: Schema) -> str:
    required = place.get("required", [])
    rows = ["| key | value | default | what it does |", "|---|---|---|---|"]
    for key, value in sorted(place["properties"].items(), key=lambda item: item[0] not in _TELLING):
        default = "required" if key in required else _default(value["default"], value, root)
        rows.append(f"| `{key}` | {_type(value)} | {default} | {_cell(value['description'])} |")
    about = place["description"].replace("\n\n", " ")
    return f"### {title[0].upper()}{title[1:]}\n\n{_cell(about)}\n\n" + "\n".join(rows)


def _default(default: Any, value: Schema, root: Schema) -> str:
    if default is None:
        return "none"
    references = _references(value)
    if references:
        known = root["$defs"][references[0][0]]["properties"]
        strip = lambda one: {k: v for k, v in one.items() if known[k].get("default", ...) != v}  # noqa: E731
        default = [strip(one) for one in default] if isinstance(default, list) else strip(default)
    return f"`{json.dumps(default)}`"


def _type(value: Schema) -> str:
    if "examples" in value:
        return f"number, or text such as `{value['examples'][0]}`"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    branches = [one for kind in ("anyOf", "oneOf") for one in value.get(kind, ()) if one.get("type") != "null"]
    if branches:
        return " or ".join(dict.fromkeys(_type(one) for one in branches))
    return _simple(value)


def _simple(value: Schema) -> str:
    kind = value.get("type", "object")
    if kind == "array":
        return f"list of {_plural(_type(value['items']))}"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"mapping of names to {_plural(_type(inner))}" if isinstance(inner, dict) else "mapping, see below"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}[kind]
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = " and ".join(f"{word} {_number(value[key])}" for key, word in bounds.items() if key in value)
    return f"{words} {limits}".strip().replace(" and to ", " to ")


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)


def _plural(words: str) -> str:
    return re.sub(r"\b(mapping|number|list)\b", r"\1s", words)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for name, schema, what in (
        ("suite.md", json_schema(), "suite"),
        ("policy.md", policy_schema(), "policy"),
        ("hardware-profiles.md", ProfileFile.model_json_schema(by_alias=True), "profile file"),
    ):
        text = (DOCS / name).read_text(encoding="utf-8")
        (DOCS / name).write_text(page(text, schema, what), encoding="utf-8")
