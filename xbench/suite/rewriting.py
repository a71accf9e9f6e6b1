"""Writes a suite anew, with other variants, so that it says the same from another folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .loading import LoadedSuite
from .model import VariantSpec

_DATA = ("dataset", "documents", "judgements")


def place_of(loaded: LoadedSuite, output: Path) -> Path:
    """The folder that the new suite belongs in: `output`, or beside the old one where that names a file of code.

    Code is loaded from the suite's own folder or from below it, and from nowhere else.
    """
    for reference in loaded.suite.code:
        named = reference.partition(":")[0]
        if (loaded.base / (named if named.endswith(".py") else f"{named}.py")).is_file():
            return loaded.base
    return output


def suite_text(loaded: LoadedSuite, variants: Sequence[VariantSpec], folder: Path, command: str) -> str:
    """The suite with these variants in place of those of their names, to lie in `folder`: its paths start there."""
    suite = loaded.suite
    names = {variant.name for variant in variants}
    kept = tuple(variant for variant in suite.variants if variant.name not in names)
    whole = suite.model_copy(update={"variants": (*kept, *variants)})
    data = whole.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _move(data, loaded.base.resolve(), folder.resolve())
    return f"# Written by `{command}`.\n" + yaml_text(data)


def yaml_text(data: Any) -> str:
    """Data as a suite has them: keys in their order, lines of a readable width."""
    return str(yaml.safe_dump(data, sort_keys=False, width=110, allow_unicode=True))


def _move(data: dict[str, Any], old: Path, new: Path) -> None:
    """Make relative paths start from the new folder, in place. Packages and code are not found by it."""
    if old == new:
        return
    model = data.get("model") or {}
    keys = ("checkpoint", "onnx") if model.get("package") else ("transformers", "checkpoint", "onnx")
    _move_keys(model, keys, old, new)
    for variant in data.get("variants", ()):
        _move_keys(variant, ("checkpoint", "onnx"), old, new)
    evaluate = data.get("evaluate") or {}
    _move_keys(evaluate, ("tokenizer",), old, new)
    for spec in (evaluate.get(key) for key in _DATA):
        if isinstance(spec, dict):
            _move_keys(spec, ("file", "folder"), old, new)
    _move_keys(data.get("calibration") or {}, ("file",), old, new)
    _move_keys(data, ("policy",), old, new)


def _move_keys(place: dict[str, Any], keys: Sequence[str], old: Path, new: Path) -> None:
    for key in keys:
        if isinstance(place.get(key), str):
            path = old / Path(place[key]).expanduser()
            place[key] = os.path.relpath(path, new)
