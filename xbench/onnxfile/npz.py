"""Inputs from a user's .npz file, which may be damaged or hostile."""

from __future__ import annotations

import difflib
import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..records.artifact import Signature, TensorSpec
from .dtypes import is_float, numpy_dtype
from .opening import require_regular_file
from .signature import shape_text
from .walk import shown

MAX_BYTES = 4 * 2**30
"""Unpacked. A few kilobytes of zip can unpack to more than the machine has."""
Array = npt.NDArray[np.generic]


def load_inputs(path: Path, signature: Signature) -> dict[str, Array]:
    """The arrays of an .npz file, by name of input: exactly the inputs of the model, of exactly their types.

    Raises InputError for anything else.
    """
    with _opened(path) as archive:
        members = _members(path, archive)
        _check_names(path, set(members), {spec.name for spec in signature.inputs})
        arrays = {spec.name: _read(path, archive, members[spec.name]) for spec in signature.inputs}
    return {spec.name: _checked(path, spec, arrays[spec.name]) for spec in signature.inputs}


def names_in(path: Path) -> list[str]:
    """The names of the arrays in an .npz file. Raises InputError where it is none."""
    with _opened(path) as archive:
        return list(_members(path, archive))


def load_sets(files: Sequence[Path], signature: Signature) -> list[dict[str, Array]]:
    """One set of inputs from each file, all of the same shapes. Raises InputError as `load_inputs` does.

    Sets of different shapes would be different amounts of work: those are workloads of their own.
    """
    sets = [load_inputs(file, signature) for file in files]
    for file, feeds in zip(files, sets, strict=True):
        for name, array in feeds.items():
            first = sets[0][name].shape
            if array.shape != first:
                raise InputError(
                    f"{file.name} cannot take turns with {files[0].name}",
                    f"its input {name!r} has shape {shape_text(array.shape)}, and there it has {shape_text(first)}",
                    "compare each shape by itself",
                )
    return sets


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive of an .npz file, whatever it holds. Raises InputError where it is none, or a member is damaged."""
    require_regular_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        found = "it is not an .npz file, or it is damaged"
        raise InputError(_asked(path), found, "write it with numpy.savez(file, NAME=array, ...)") from error


def _asked(path: Path, name: str | None = None) -> str:
    return f"cannot use {shown(str(path))}" + (f" for input {shown(name)}" if name is not None else "")


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays by name, after a look at what they unpack to."""
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        found = f"it unpacks to {total / 2**30:.1f} GiB; at most {MAX_BYTES / 2**30:.0f} GiB are read"
        raise InputError(_asked(path), found, "save smaller inputs")
    return {entry.filename.removesuffix(".npy"): entry for entry in entries if entry.filename.endswith(".npy")}


def _check_names(path: Path, found: set[str], wanted: set[str]) -> None:
    missing, unknown = sorted(wanted - found), sorted(found - wanted)
    if not missing and not unknown:
        return
    parts = [f"it has no {', '.join(map(shown, missing[:5]))}"] if missing else []
    parts += [f"the model has no input {', '.join(map(shown, unknown[:5]))}"] if unknown else []
    near = difflib.get_close_matches(unknown[0], missing, n=1, cutoff=0.4) if unknown and missing else []
    hint = f"did you mean {shown(near[0])}?" if near else "save one array for each input, under the input's name"
    raise InputError(_asked(path), "; ".join(parts), hint)


def _read(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    name = entry.filename.removesuffix(".npy")
    try:
        with archive.open(entry) as member:
            _check_header(path, name, member, entry.file_size)
        with archive.open(entry) as member:
            array: Array = np.lib.format.read_array(member, allow_pickle=False)
    except (ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: the zip is encrypted. NotImplementedError: an unknown compression.
        found = f"the array cannot be read: {str(error).splitlines()[0] if str(error) else 'it ends too early'}"
        raise InputError(_asked(path, name), found, "write it with numpy.savez(file, NAME=array, ...)") from error
    return array


def _check_header(path: Path, name: str, member: IO[bytes], size: int) -> None:
    """NumPy makes room for what the header says before it reads: it must not say more than there is."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if dtype.hasobject:
        found = "it holds Python objects, which are never loaded"
        raise InputError(_asked(path, name), found, "save an array of numbers or of fixed-width text")
    if math.prod(shape) * dtype.itemsize != size - member.tell():
        found = f"it says {shape_text(shape)} of {dtype}, and there are {size - member.tell()} bytes"
        raise InputError(_asked(path, name), found, "the file is damaged: save it again")


def _checked(path: Path, spec: TensorSpec, array: Array) -> Array:
    array = _typed(path, spec, array)
    wanted = spec.shape
    if wanted is not None and len(wanted) != array.ndim:
        found = f"it has rank {array.ndim} ({shape_text(array.shape)}), the model wants {shape_text(wanted)}"
        raise InputError(_asked(path, spec.name), found, "reshape it before saving")
    for axis, (dim, size) in enumerate(zip(wanted or (), array.shape, strict=False)):
        if isinstance(dim, int) and dim != size:
            found = f"axis {axis} is {size}, the model fixes it at {dim} ({shape_text(wanted)})"
            raise InputError(_asked(path, spec.name), found, "save it with that size")
    if (is_float(spec.dtype) or array.dtype.kind == "c") and not np.isfinite(array).all():
        found = "it holds NaN or infinity: nothing that is compared afterwards would mean anything"
        raise InputError(_asked(path, spec.name), found, "save finite numbers")
    return array


def _typed(path: Path, spec: TensorSpec, array: Array) -> Array:
    if spec.dtype == "string" and array.dtype.kind == "U":
        return array
    try:
        wanted = numpy_dtype(spec.dtype)
    except TypeError as error:
        found, remedy = (
            f"the model wants {spec.dtype}, which an .npz cannot hold",
            "export it with plain tensors",
        )
        if spec.dtype == "string":
            found, remedy = (
                f"it is {array.dtype}, the model wants text",
                f"save {spec.name}=np.array([...], dtype=str)",
            )
        raise InputError(_asked(path, spec.name), found, remedy) from error
    if array.dtype.kind == "V" and array.dtype.itemsize == wanted.itemsize and array.dtype.names is None:
        return array.view(wanted)  # .npy has no name for bfloat16 and float8: they come back as bare bytes.
    native: Array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if native.dtype != wanted:
        cast = f"{spec.name}.astype(np.{wanted.name})" if hasattr(np, wanted.name) else f"a cast to {spec.dtype}"
        found = f"it is {array.dtype}, the model wants {spec.dtype}"
        raise InputError(_asked(path, spec.name), found, f"save it after {cast}")
    return native
