"""Weights that lie beside the ONNX file. A stranger wrote it: it may name any path, offset and length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import onnx

from ..errors import InputError
from .dtypes import packed_bytes
from .walk import shown, tensors

_CHUNK = 16 * 2**20


class Stretch(NamedTuple):
    """Where the bytes of one tensor lie. `offset` and `length` are in bytes."""

    file: Path
    location: str
    offset: int
    length: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes, some MiB at a time."""
        left = self.length
        with self.file.open("rb") as file:
            file.seek(self.offset)
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk


def external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The tensors whose bytes lie in another file."""
    return (tensor for tensor in tensors(model) if tensor.data_location == onnx.TensorProto.EXTERNAL)


def stored_bytes(path: Path, model: onnx.ModelProto) -> int:
    """The size on disk of the file and of the files that its external data lie in, each once, bytes."""
    beside = {stretch_of(path, tensor).file for tensor in external_tensors(model)}
    return path.stat().st_size + sum(file.stat().st_size for file in beside)


def check_external(path: Path, model: onnx.ModelProto) -> None:
    """Raises InputError where external data is missing, too short, or outside the model's folder."""
    for tensor in external_tensors(model):
        stretch_of(path, tensor)


def load_external_data(path: Path, model: onnx.ModelProto) -> None:
    """Brings all external data into the model. The model may then be too large to be written as one file."""
    for tensor in external_tensors(model):
        stretch = stretch_of(path, tensor)
        tensor.raw_data = b"".join(stretch.chunks())
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT


def stretch_of(path: Path, tensor: onnx.TensorProto) -> Stretch:
    """Where the bytes of this tensor lie, all of it checked. Raises InputError."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    file = _inside(path, tensor, location)
    size = file.stat().st_size
    offset = _number(path, tensor, entries.get("offset") or "0")
    expected = packed_bytes(tensor)
    # Without a length the tensor takes what its shape says.
    length = _number(path, tensor, entries.get("length") or str(expected))
    if length != expected:
        found = f"the file gives it {length} bytes and its shape {expected}"
        raise _refused(path, tensor, found, "export the model again")
    if offset + length > size:
        found = f"it lies at bytes {offset} to {offset + length} of {shown(location)}, which has {size}"
        raise _refused(path, tensor, found, f"{shown(location)} was cut short: copy or download it again")
    return Stretch(file, location, offset, length)


def _inside(path: Path, tensor: onnx.TensorProto, location: str) -> Path:
    if not location or "\0" in location:
        raise _refused(path, tensor, "the file does not say where it lies", "export the model again")
    folder = path.parent.resolve()
    wanted = Path(location)
    if wanted.is_absolute() or ".." in wanted.parts:
        found = f"{shown(location)} points outside the model's folder"
        raise _refused(path, tensor, found, "export the model again, with its data beside it")
    try:
        file = (folder / wanted).resolve(strict=True)
    except FileNotFoundError as error:
        found = f"{shown(location)} is not there"
        raise _refused(path, tensor, found, f"put {shown(location)} into {shown(str(folder))}") from error
    except (
        OSError,
        RuntimeError,
    ) as error:  # a loop of links, a name too long, a folder that may not be read
        raise _refused(path, tensor, f"{shown(location)} cannot be reached: {error}", "check it") from error
    if not file.is_relative_to(folder):
        found = f"{shown(location)} is a link that leads outside the model's folder"
        raise _refused(path, tensor, found, "copy the model with `cp -L`, so that links become files")
    if not file.is_file():
        raise _refused(path, tensor, f"{shown(location)} is not a regular file", "name the data file itself")
    return file


def _number(path: Path, tensor: onnx.TensorProto, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _refused(path, tensor, f"{shown(text)} is not an offset or a length", "export the model again")
    return int(text)


def _refused(path: Path, tensor: onnx.TensorProto, found: str, remedy: str) -> InputError:
    asked = f"cannot load the external data of tensor {shown(tensor.name)} in {shown(str(path))}"
    return InputError(asked, found, remedy)
