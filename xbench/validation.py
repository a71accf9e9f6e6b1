"""Turns pydantic's errors about a YAML document into one that names line, column and the nearest known key."""

from __future__ import annotations

import difflib
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import InputError
from .yamlfile import Path_, YamlDocument

M = TypeVar("M", bound=BaseModel)

# pydantic's words where they speak of Python, or where YAML needs explaining.
_WORDS = {
    "string_type": "this should be text; put quotes around it (YAML takes no, off, 1:30 and 2.5 for other things)",
    "tuple_type": "this should be a list",
    "too_short": "this list should not be empty",
    "dict_type": "this should be a mapping of keys",
    "model_type": "this should be a mapping of keys",
    "model_attributes_type": "this should be a mapping of keys",
}


def validate(document: YamlDocument, model: type[M]) -> M:
    """The document as a model. Raises InputError: `FILE:LINE:COLUMN: what`, for up to three problems."""
    try:
        return model.model_validate(_tuples(document.data), strict=True)
    except ValidationError as error:
        details = _causes(error.errors(include_url=False))
        more = f"and {len(details) - 3} more" if len(details) > 3 else ""
        raise InputError("\n".join(_problem(document, model, detail) for detail in details[:3]), more) from error


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what pydantic says beside the cause.

    That is `too short` of a list that has items, when it has refused them all; a default that another key of the
    mapping decides, when that one is refused; and, of a union, the branch that is a fixed word where a mapping was
    given: another branch was meant.
    """
    return [
        one
        for one in details
        if not (one["type"] == "too_short" and one["input"])
        and one["type"] != "default_factory_not_called"
        and not _is_word_for_mapping(one, details)
    ]


def _is_word_for_mapping(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a union's branch refuses a mapping because it is a fixed word, and another says what is wrong in it."""
    *union, branch = detail["loc"] or ("",)
    if detail["type"] != "literal_error" or not isinstance(detail["input"], dict) or branch in detail["input"]:
        return False
    if not str(branch).startswith("literal["):
        return False
    return any(one["loc"][: len(union)] == tuple(union) and one["type"] != "literal_error" for one in details)


def _tuples(data: Any) -> Any:
    """Lists as tuples: a strict model, which takes `yes` for no number, wants them so."""
    if isinstance(data, dict):
        return {key: _tuples(value) for key, value in data.items()}
    return tuple(_tuples(item) for item in data) if isinstance(data, list) else data


def _problem(document: YamlDocument, model: type[BaseModel], detail: ErrorDetails) -> str:
    path = _real_path(document.data, detail["loc"], detail["type"] == "missing")
    where = ".".join(str(part)[:80] for part in path) or "the document"
    return f"{document.place(path)}: {where}: {_message(model, path, detail)}"


def _real_path(data: Any, loc: tuple[int | str, ...], missing: bool) -> Path_:
    """The parts of pydantic's location that are in the document: it also names the branches of unions."""
    path: list[str | int] = []
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(data, dict) and (part in data or (last and missing)):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path)


def _message(model: type[BaseModel], path: Path_, detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"])
        near = difflib.get_close_matches(str(path[-1])[:80], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
        return f"there is no key of this name{hint}"
    if detail["type"] == "missing":
        return "this key is missing"
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_branch(detail)
    return _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ").replace(
        "Input should", "this should"
    )


def _unknown_branch(detail: ErrorDetails) -> str:
    """What is said where the key that tells the branches of a union apart is missing or unknown."""
    context = detail.get("ctx", {})
    key, known = context.get("discriminator"), context.get("expected_tags")
    if known is None:
        return f"the key {key} is missing"
    tag = str(context.get("tag"))[:80]
    near = difflib.get_close_matches(tag, re.findall(r"'([^']*)'", known), n=1)
    return f"{key} cannot be {tag!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {known}")


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Keys that could stand where the unknown one does: asked of the JSON Schema, which resolves unions."""
    schema = model.model_json_schema(by_alias=True)
    places = [schema]
    for part in loc[:-1]:
        places = [found for place in places for found in _step(schema, place, part)] or places
    objects = [one for place in places for one in _branches(schema, place)]
    return sorted({key for one in objects for key in one.get("properties", {})})


def _branches(root: dict[str, Any], place: dict[str, Any]) -> list[dict[str, Any]]:
    """What a place may be, with references followed and unions taken apart."""
    if "$ref" in place:
        return _branches(root, root["$defs"][place["$ref"].rsplit("/", 1)[1]])
    inner = [branch for key in ("anyOf", "oneOf", "allOf") for branch in place.get(key, ())]
    return [place, *(found for branch in inner for found in _branches(root, branch))]


def _step(root: dict[str, Any], place: dict[str, Any], part: int | str) -> list[dict[str, Any]]:
    """Where one part of pydantic's location leads: a branch by its tag, an item, a key, a value of a mapping."""
    found: list[dict[str, Any]] = []
    for one in _branches(root, place):
        tagged = one.get("discriminator", {}).get("mapping", {}).get(part)
        values = one.get("additionalProperties")
        if tagged is not None:
            return [{"$ref": tagged}]
        if isinstance(part, int) and isinstance(one.get("items"), dict):
            found.append(one["items"])
        elif part in one.get("properties", {}):
            found.append(one["properties"][part])
        elif isinstance(values, dict):
            found.append(values)
    return found
