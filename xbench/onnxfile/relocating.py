"""Gives an ONNX file another name, and its external data with it: the data are found by the name they have."""

from __future__ import annotations

from pathlib import Path

from .external import external_tensors
from .opening import open_model


def renamed(path: Path, name: str) -> list[Path]:
    """The files that `path` has become, data first: `NAME`, and `NAME.data` where weights lie outside of it.

    They lie in the folder of `path`, where nothing else may have these names. Raises InputError as `open_model` does.
    """
    model = open_model(path, load_external=False)
    outside = list(external_tensors(model))
    entries = [entry for tensor in outside for entry in tensor.external_data if entry.key == "location"]
    locations = sorted({entry.value for entry in entries})
    target = path.with_name(name)
    if not locations:
        return [path.replace(target)]
    numbers = [""] if len(locations) == 1 else [f".{number}" for number in range(len(locations))]
    names = {old: f"{name}{number}.data" for old, number in zip(locations, numbers, strict=True)}
    for entry in entries:
        entry.value = names[entry.value]
    data = [(path.parent / old).replace(path.with_name(new)) for old, new in names.items()]
    target.write_bytes(model.SerializeToString(deterministic=True))
    if target != path:
        path.unlink()
    return [*data, target]
