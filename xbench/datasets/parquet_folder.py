"""A folder of Parquet files, as the Hugging Face hub lays them out: `data/test-00000-of-00002.parquet`."""

from __future__ import annotations

import re
from pathlib import Path

from .hugging_face import no_split
from .paths import inside, listed

_ENDING = ".parquet"
_NUMBERED = re.compile(r"^(?P<split>.+)-\d{5}-of-\d{5}(-[0-9a-f]+)?\.parquet$")
_SPLITS = ("train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval")


def parquet_files(folder: Path, split: str | None, source: str) -> list[Path]:
    """Files of the folder, or of its `data`, sorted; those of a split where one is named; none where there are none.

    A split is what stands before the number in a file's name, or a folder's name. Raises InputError where there are
    several splits and none is named: they are not to be mixed.
    """
    for place in ("", "data"):
        names = listed(folder / place, _ENDING)
        if names:
            chosen = _of_split(names, split, source)
            return [inside(folder, str(Path(place) / name)) for name in chosen]
    if split is not None and Path(split).name == split:
        for place in (split, f"data/{split}"):
            names = listed(folder / place, _ENDING)
            if names:
                return [inside(folder, f"{place}/{name}") for name in names]
    return []


def _of_split(names: list[str], split: str | None, source: str) -> list[str]:
    by_split: dict[str, list[str]] = {}
    for name in names:
        by_split.setdefault(_split_of(name), []).append(name)
    named = [one for one in by_split if one]
    if split is not None:
        if split not in by_split:
            raise no_split(source, split, named)
        return by_split[split]
    if len(named) > 1:
        raise no_split(source, None, named)
    return names


def _split_of(name: str) -> str:
    """The split that a file's name tells; empty where it tells none."""
    numbered = _NUMBERED.match(name)
    if numbered is not None:
        return numbered["split"]
    first = re.split(r"[-_.]", name)[0]
    return first if first in _SPLITS else ""
