"""Digests that tell two files, and two models, equal."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from google.protobuf.message import Message

from .external import external_tensors, stretch_of
from .opening import open_model
from .walk import below, graphs, nodes, subgraphs, tensors

_CHUNK = 16 * 2**20


def file_digest(path: Path) -> str:
    """The sha256 of the file and its external data.

    It is what `sha256sum` prints where there is no external data; otherwise each external file follows, by name
    and content. Raises InputError as `open_model` does.
    """
    return _file_digest(path, open_model(path, load_external=False))


def digests(path: Path) -> tuple[str, str]:
    """(what `file_digest` gives, sha256 of the model without its metadata).

    The second ignores metadata, documentation, producer, and where the weights lie: two exports of the same
    thing are equal in it. Raises InputError as `open_model` does.
    """
    model = open_model(path, load_external=False)
    return _file_digest(path, model), _graph_digest(path, model)


def _file_digest(path: Path, model: onnx.ModelProto) -> str:
    whole = hashlib.sha256()
    _add_file(whole, path)
    stretches = [stretch_of(path, tensor) for tensor in external_tensors(model)]
    for location, file in sorted({(stretch.location, stretch.file) for stretch in stretches}):
        whole.update(location.encode() + b"\0")
        _add_file(whole, file)
    return whole.hexdigest()


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)


def _graph_digest(path: Path, model: onnx.ModelProto) -> str:
    """Changes `model`: it is this module's own copy. What is left of it is small whatever its weights."""
    for tensor in tensors(model):
        _replace_bytes_by_digest(path, tensor)
    for field in ("metadata_props", "doc_string", "producer_name", "producer_version", "model_version"):
        model.ClearField(field)
    for message in graph_parts(model):
        for field in ("metadata_props", "doc_string"):
            if field in message.DESCRIPTOR.fields_by_name:
                message.ClearField(field)
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def graph_parts(model: onnx.ModelProto) -> list[Message]:
    """All graphs, functions, nodes and values of the model: tensors apart, what an exporter hangs metadata on."""
    found: list[Message] = [*model.functions, *nodes(model)]
    inner = (graph for function in model.functions for node in below(function.node) for graph in subgraphs(node))
    for graph in (*graphs(model), *inner):
        found += [graph, *graph.input, *graph.output, *graph.value_info]
    return found


def _replace_bytes_by_digest(path: Path, tensor: onnx.TensorProto) -> None:
    """Weights inside the file and weights beside it come to the same."""
    for field in ("doc_string", "metadata_props"):
        tensor.ClearField(field)
    digest = hashlib.sha256()
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        for chunk in stretch_of(path, tensor).chunks():
            digest.update(chunk)
    elif tensor.HasField("raw_data"):
        digest.update(tensor.raw_data)
    else:
        return
    for field in ("external_data", "data_location"):
        tensor.ClearField(field)
    tensor.raw_data = digest.digest()
