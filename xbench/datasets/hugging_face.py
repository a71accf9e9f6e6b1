"""A Hugging Face dataset as `Dataset.save_to_disk` leaves it, read without their library: none of its code is run.

Such a folder holds `state.json`, which lists the data files in order, `dataset_info.json`, which tells the features,
and the data files themselves, streams of Arrow record batches. A `DatasetDict` has `dataset_dict.json` and a folder
of this kind for each split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .arrow import reading, require_pyarrow
from .asking import require_distinct, shortened
from .layouts import Layout
from .limits import MAX_DEPTH
from .paths import inside, read_json

STATE = "state.json"
SPLITS = "dataset_dict.json"
INFO = "dataset_info.json"


class HuggingFaceBlocks:
    """Blocks of a saved dataset. Raises InputError for one that is damaged or leads out of its folder."""

    layouts: dict[str, Layout]

    def __init__(self, folder: Path, source: str) -> None:
        require_pyarrow()
        self.source = source
        self.layouts = {}
        self.files = _data_files(folder, source)
        self._schema = self._schema_of(self.files[0])
        for path in self.files[1:]:
            if not self._schema_of(path).equals(self._schema, check_metadata=False):
                raise InputError(f"The files of {source} do not belong together", f"{path.name} has other columns")
        with reading(source):  # A name may be no UTF-8.
            self.columns = tuple(self._schema.names)
        require_distinct(self.columns, source)
        self.classes = _classes(read_json(folder, INFO))

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """See `Blocks`."""
        import pyarrow as pa

        fields = [self.columns.index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        for path in self.files:
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file, options=options) as reader:
                yield from reader

    def _schema_of(self, path: Path) -> Any:
        import pyarrow as pa

        with reading(self.source), pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
            return reader.schema


def split_folder(folder: Path, split: str | None, source: str) -> Path:
    """The folder of a split of a `DatasetDict`. Raises InputError where none of this name is there."""
    splits = read_json(folder, SPLITS).get("splits")
    if not isinstance(splits, list) or not all(isinstance(name, str) for name in splits) or not splits:
        raise InputError(f"The data {source} cannot be read", f"{SPLITS} lists no splits")
    if split is None and len(splits) == 1:
        split = str(splits[0])
    if split is None or split not in splits:
        raise no_split(source, split, splits)
    inside(folder, f"{split}/{STATE}")
    return (folder / split).resolve()


def no_split(source: str, split: str | None, splits: Sequence[str]) -> InputError:
    """The error where a split has to be named, or another one."""
    state = "several splits" if split is None else f"no split {split!r}"
    return InputError(f"The data {source} have {state}", f"there are {shortened(splits)}", "name one as `split`")


def _data_files(folder: Path, source: str) -> list[Path]:
    state = read_json(folder, STATE)
    asked = f"The data {source} cannot be read"
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(
            asked, "its rows are chosen by a list of indices beside them", "save it again after `.flatten_indices()`"
        )
    entries = state.get("_data_files")
    listed = entries if isinstance(entries, list) else []
    names = [entry.get("filename") if isinstance(entry, dict) else None for entry in listed]
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(asked, f"{STATE} lists no data files", "write it with `Dataset.save_to_disk`")
    return [inside(folder, str(name)) for name in names]


def _classes(info: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names of the classes of a column, also where it holds lists of them."""
    features = info.get("features")
    found = {name: _class_names(one) for name, one in features.items()} if isinstance(features, dict) else {}
    return {name: names for name, names in found.items() if names}


def _class_names(feature: Any) -> tuple[str, ...]:
    for _ in range(MAX_DEPTH):
        if isinstance(feature, list) and feature:
            feature = feature[0]
        elif isinstance(feature, dict) and "feature" in feature:
            feature = feature["feature"]
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return ()
    names = feature.get("names")
    return tuple(str(one) for one in names) if isinstance(names, list) else ()
