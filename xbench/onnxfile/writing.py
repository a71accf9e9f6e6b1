"""Writes every ONNX file in one form: equal content gives equal bytes, and large weights go to one file beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import onnx
from google.protobuf.message import EncodeError, Message

from ..errors import InvalidError
from .digests import graph_parts
from .dtypes import packed_bytes
from .external import external_tensors, stretch_of
from .opening import open_model
from .walk import graphs, tensors

INLINE_BYTES = 3 * 2**29
"""Weights up to this many bytes, 1.5 GiB, stay in the ONNX file: it must end below 2 GiB, with room for the graph."""

DATA_SUFFIX = ".data"
_SMALLEST = 1024
# The ONNX specification (docs/ExternalData.md) advises offsets that are multiples of a page, so that the file can
# be mapped.
_PAGE = 4096


def settle(path: Path, inline_bytes: int = INLINE_BYTES) -> onnx.ModelProto:
    """Write the file at `path` again in xbench's form, and give the model, its weights where they are now.

    Other data files of the model are removed. Raises InputError as `open_model` does, InvalidError where the model
    cannot be written.
    """
    model = open_model(path, load_external=False)
    before = {stretch_of(path, tensor).file for tensor in external_tensors(model)}
    model = open_model(path)
    data = write_model(model, path, inline_bytes)
    for old in before - ({data.resolve()} if data else set()):
        old.unlink()
    return model


def write_model(model: onnx.ModelProto, path: Path, inline_bytes: int = INLINE_BYTES) -> Path | None:
    """Write a model that holds all its weights to `path`, in xbench's form. Returns the file of its data, if any.

    What says nothing of the computation goes: the producer, documentation, and the metadata of nodes, values,
    tensors and graphs (torch writes stack traces with paths of the machine there). Weights of more than
    `inline_bytes` bytes in all go to one file beside, `NAME.onnx.data`, and are no longer in `model`. Raises
    InvalidError where the model cannot be written.
    """
    _clean(model)
    data = path.with_name(path.name + DATA_SUFFIX)
    beside = sum(map(packed_bytes, _movable(model))) > inline_bytes
    if beside:
        with data.open("wb") as file:
            _move_weights(model, data.name, file)
    write_graph(model, path)
    return data if beside else None


def write_graph(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph's file. Raises InvalidError where a protobuf message cannot hold it."""
    try:
        content = model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise InvalidError(
            f"{path.name} cannot be written: more than 2 GiB would be in the graph's own file",
            "only initializers can lie beside it",
            "export the model with its weights as initializers, not as Constant nodes",
        ) from error
    path.write_bytes(content)


def _clean(model: onnx.ModelProto) -> None:
    """Metadata of the whole model stay, in the order of their names; torch's own (`pkg.`) go."""
    for field in ("doc_string", "producer_name", "producer_version"):
        model.ClearField(field)
    kept = {prop.key: prop.value for prop in model.metadata_props if not prop.key.startswith("pkg.")}
    del model.metadata_props[:]
    for key, value in sorted(kept.items()):
        model.metadata_props.add(key=key, value=value)
    parts: list[Message] = [*graph_parts(model), *tensors(model)]
    for message in parts:
        for field in ("metadata_props", "doc_string"):
            if field in message.DESCRIPTOR.fields_by_name:  # older versions of onnx know fewer
                message.ClearField(field)


def _movable(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Initializers that are worth a place beside the graph. Runtimes read attributes from the graph alone."""
    for graph in graphs(model):
        for tensor in graph.initializer:
            if tensor.HasField("raw_data") and packed_bytes(tensor) >= _SMALLEST:
                yield tensor


def _move_weights(model: onnx.ModelProto, location: str, file: BinaryIO) -> None:
    for tensor in _movable(model):
        file.write(b"\0" * (-file.tell() % _PAGE))
        offset, length = file.tell(), file.write(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
