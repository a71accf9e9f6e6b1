"""Writes the tables of docs/runners.md out of the runners: `python scripts/runner_docs.py`. A test holds them equal.

No runtime is needed: a runner's module imports its library only when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from xbench.plugins import RUNNERS, runner_class

PAGE = Path(__file__).parent.parent / "docs" / "runners.md"
BEGIN = "<!-- begin: written by scripts/runner_docs.py -->"
END = "<!-- end -->"
Schema = dict[str, Any]


def tables() -> str:
    """A heading and a table for each shipped runner; options that all of ONNX Runtime's share come once, before."""
    shared = _schema("cpu", parents=True)
    parts = [_section("Options of every provider of ONNX Runtime", _rows(shared, ()))]
    for name in RUNNERS:
        kind: Any = runner_class(name)
        parts.append(_section(f"`{name}`", _about(kind, name, shared)))
    return "\n\n".join(parts)


def page(old: str) -> str:
    """The page with its tables written anew."""
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _schema(name: str, *, parents: bool = False) -> Schema:
    options: Any = runner_class(name).options_type  # type: ignore[attr-defined]
    kind = options.__mro__[1] if parents else options
    schema: Schema = kind.model_json_schema(by_alias=True)
    return schema


def _about(kind: Any, name: str, shared: Schema) -> str:
    schema = _schema(name)
    known, common = schema["properties"], shared["properties"]
    has_shared = common.keys() <= known.keys()
    rows = _rows(schema, {key for key in common if has_shared and known[key] == common[key]})
    words = _cell(kind.__doc__.partition("\n\n")[0])
    if has_shared:
        words += " It has the options of every provider of ONNX Runtime, and these:"
    return f"{words}\n\n{rows}" if rows else words


def _section(title: str, text: str) -> str:
    return f"### {title}\n\n{text}"


def _rows(schema: Schema, without: Collection[str]) -> str:
    required = schema.get("required", [])
    rows = [
        f"| `{key}` | {_type(value, schema)} | {_default(value, key in required)} | {_cell(value['description'])} |"
        for key, value in schema["properties"].items()
        if key not in without
    ]
    return "\n".join(["| option | value | default | what it does |", "|---|---|---|---|", *rows]) if rows else ""


def _default(value: Schema, required: bool) -> str:
    if required:
        return "required"
    default = value.get("default")
    if default is None or default == "":
        return "none"
    return f"`{json.dumps(default).strip(chr(34))}`"


def _type(value: Schema, root: Schema) -> str:
    if "$ref" in value:
        return _type(root["$defs"][value["$ref"].rsplit("/", 1)[1]], root)
    if "enum" in value or "const" in value:
        return " or ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    branches = [one for one in value.get("anyOf", ()) if one.get("type") != "null"]
    if branches:
        return " or ".join(dict.fromkeys(_type(one, root) for one in branches))
    kind = value.get("type", "object")
    if kind == "array":
        return f"list of {_type(value['items'], root)}" if "items" in value else "list"
    if kind == "object":
        inner = value.get("additionalProperties")
        if isinstance(inner, dict):
            return f"mapping of names to {_type(inner, root)}"
        return f"mapping of {', '.join(f'`{key}`' for key in value.get('properties', {}))}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}[kind]
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = " ".join(f"{word} {value[key]:,}" for key, word in bounds.items() if key in value)
    return f"{words} {limits}".strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
