"""Opens an ONNX file that may be anything at all, and says clearly what is wrong with it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from ..errors import InputError
from .external import check_external, load_external_data
from .names import check_names
from .operators import check_operators
from .sniffing import what_it_is
from .walk import shown

MAX_PROTOBUF_BYTES = 2**31 - 1
"""A protobuf message cannot be larger; larger weights belong in external data."""


def open_model(path: Path, load_external: bool = True) -> onnx.ModelProto:
    """The model in the file at `path`, checked as far as that needs no runtime.

    With `load_external=False` the external weights are checked and left where they are: enough for
    signatures and shapes, not for an audit. Raises InputError for anything that is not a usable model.
    """
    model = _parse(path, _read(path))
    _check_graph(path, model)
    check_names(path, model)
    check_operators(path, model)
    check_external(path, model)
    if load_external:
        load_external_data(path, model)
    return model


def asked(path: Path) -> str:
    """The first line of every error about this file."""
    return f"cannot open {shown(str(path))}"


def require_regular_file(path: Path) -> int:
    """The size in bytes. Anything but a regular file is refused: opening a FIFO waits for ever."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(asked(path), "there is no such file", "check the path") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(asked(path), reason, "check the path and its permissions") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(asked(path), "it is a directory", _models_inside(path))
    if not stat.S_ISREG(status.st_mode):
        raise InputError(asked(path), "it is a pipe or a device, not a regular file", "save the model as a file")
    return status.st_size


def _models_inside(folder: Path) -> str:
    try:
        inside = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".onnx")
    except OSError:  # The folder may not be listed; the error about it stands without the hint.
        inside = []
    return f"name a file in it, for example {shown(inside[0])}" if inside else "name an .onnx file"


def _read(path: Path) -> bytes:
    size = require_regular_file(path)
    if size == 0:
        raise InputError(asked(path), "the file is empty (0 bytes)", "export or download it again")
    if size > MAX_PROTOBUF_BYTES:
        found = f"it has {size / 2**30:.1f} GiB; an ONNX file without external data ends at 2 GiB"
        raise InputError(asked(path), found, "export it with its weights as external data")
    try:
        # Not blocking: the path may have become a FIFO since it was looked at.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(asked(path), error.strerror or str(error), "check its permissions") from error


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    if known := what_it_is(content):
        raise InputError(asked(path), known.found, known.remedy)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        # An ONNX file begins with its IR version: field 1, a small number.
        if content[:1] == b"\x08" and content[1:2] < b"\x40":
            found = f"it begins like an ONNX file and ends too early or is damaged ({len(content)} bytes)"
            raise InputError(asked(path), found, "copy or download it again") from error
        raise InputError(asked(path), "it is not an ONNX file", "name an .onnx file") from error
    if not (model.HasField("graph") and model.ir_version > 0):
        found = "it is not an ONNX file, or it was cut short: there is no graph in it"
        raise InputError(asked(path), found, "name an .onnx file, or copy it again")
    return model


def _check_graph(path: Path, model: onnx.ModelProto) -> None:
    if not model.graph.node:
        raise InputError(asked(path), "its graph has no nodes: it computes nothing", "export the model again")
    if not model.graph.output:
        raise InputError(asked(path), "its graph has no outputs", "export the model again")
    if model.ir_version >= 3 and not model.opset_import:
        found = "it does not say which opset it uses: it is damaged or was cut short"
        raise InputError(asked(path), found, "copy or export it again")
