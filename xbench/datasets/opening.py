"""Opens the data that a suite names."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..records.evaluation import DataSpec
from ..sources.paths import path_from
from .builtin import BuiltinDataset
from .csv_file import CsvBlocks
from .dataset import Dataset
from .hugging_face import SPLITS, STATE, HuggingFaceBlocks, split_folder
from .iterating import IteratorBlocks
from .jsonl import JsonlBlocks
from .npy_folder import NpyFolder
from .npz import NpzDataset
from .parquet import ParquetBlocks
from .parquet_folder import parquet_files
from .paths import listed, require_folder
from .tables import TableDataset
from .unchanged import SameExamples, SameFiles


def open_dataset(spec: DataSpec, base: Path, trusted: bool) -> Dataset:
    """The data of a suite in the folder `base`; its iterator is run only where `trusted`.

    Raises InputError for data that are not there, are damaged, or are of a kind that is not taken.
    """
    if spec.file is not None:
        return _open_file(spec.file, base)
    if spec.folder is not None:
        return _open_folder(spec.folder, spec.split, base)
    if spec.sklearn is not None:
        return BuiltinDataset(spec.sklearn)
    return SameExamples(TableDataset(IteratorBlocks(spec.iterator or "", base, trusted)))


def _open_file(named: str, base: Path) -> Dataset:
    path = path_from(base, named)
    return SameFiles(_of_ending(path, named), [path])


def _of_ending(path: Path, named: str) -> Dataset:
    ending = path.suffix.lower()
    if ending == ".npz":
        return NpzDataset(path, named)
    if ending == ".parquet":
        return TableDataset(ParquetBlocks([path], named))
    if ending == ".csv":
        return TableDataset(CsvBlocks(path, named))
    if ending == ".jsonl":
        return TableDataset(JsonlBlocks(path, named))
    raise InputError(
        f"The data file {named} cannot be read",
        f"its ending is {ending or 'missing'}",
        "known are .npz, .parquet, .csv and .jsonl; for others write an `iterator`",
    )


def _open_folder(named: str, split: str | None, base: Path) -> Dataset:
    folder = path_from(base, named)
    require_folder(folder)
    source = named if split is None else f"{named} ({split})"
    if (folder / SPLITS).exists():
        return _of_blocks(HuggingFaceBlocks(split_folder(folder, split, named), source))
    if (folder / STATE).exists():
        return _of_blocks(HuggingFaceBlocks(folder, source))
    files = parquet_files(folder, split, named)
    if files:
        return _of_blocks(ParquetBlocks(files, source))
    if listed(folder, ".npy"):
        arrays = NpyFolder(folder, source)
        return SameFiles(arrays, [folder / f"{name}.npy" for name in arrays.columns])
    raise InputError(
        f"The data folder {named} cannot be read",
        "there is nothing in it that is known",
        "known are state.json (`Dataset.save_to_disk`), Parquet files, and .npy files",
    )


def _of_blocks(blocks: HuggingFaceBlocks | ParquetBlocks) -> Dataset:
    return SameFiles(TableDataset(blocks), blocks.files)
