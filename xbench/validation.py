"""Turns pydantic's errors about a YAML document into one that names line, column and the nearest known key."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import InputError
from .yamlfile import Path_, YamlDocument

M = TypeVar("M", bound=BaseModel)


def validate(document: YamlDocument, model: type[M]) -> M:
    """The document as a model. Raises InputError: `FILE:LINE:COLUMN: what`, for up to three problems."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, model, detail) for detail in error.errors()]
        more = f"and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError("\n".join(problems[:3]), more) from error


def _problem(document: YamlDocument, model: type[BaseModel], detail: ErrorDetails) -> str:
    path = _real_path(document.data, detail["loc"])
    line, column = document.position(path)
    where = ".".join(str(part) for part in path) or "the document"
    return f"{document.name}:{line}:{column}: {where}: {_message(model, path, detail, document.data)}"


def _real_path(data: Any, loc: tuple[int | str, ...]) -> Path_:
    """The parts of pydantic's location that are in the document: it also names the branches of unions."""
    path: list[str | int] = []
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(data, dict) and (part in data or (last and isinstance(part, str))):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path)


def _message(model: type[BaseModel], path: Path_, detail: ErrorDetails, data: Any) -> str:
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"], data)
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
        return f"there is no key of this name{hint}"
    if detail["type"] == "missing":
        return "this key is missing"
    return detail["msg"].removeprefix("Value error, ")


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...], data: Any) -> list[str]:
    """Keys that could stand where the unknown one does: asked of the JSON Schema, which resolves unions."""
    schema = model.model_json_schema(by_alias=True)
    places = [schema]
    for part in loc[:-1]:
        places = [found for place in places for found in _step(schema, place, part)] or places
    return sorted({key for place in places for key in _resolve(schema, place).get("properties", {})})


def _resolve(root: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in place:
        place = root["$defs"][place["$ref"].rsplit("/", 1)[1]]
    return place


def _step(root: dict[str, Any], place: dict[str, Any], part: int | str) -> list[dict[str, Any]]:
    place = _resolve(root, place)
    branches = [b for key in ("anyOf", "oneOf", "allOf") for b in place.get(key, ())]
    found = [result for branch in branches for result in _step(root, branch, part)]
    mapping = place.get("discriminator", {}).get("mapping", {})
    if part in mapping:
        return [{"$ref": mapping[str(part)]}]
    if isinstance(part, int) and isinstance(place.get("items"), dict):
        found.append(place["items"])
    if part in place.get("properties", {}):
        found.append(place["properties"][part])
    return found
