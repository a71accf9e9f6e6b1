"""Refuses a file with a name that is not valid UTF-8: it loads, and then raises wherever the name is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ..errors import InputError
from .walk import shown


def check_names(path: Path, model: onnx.ModelProto) -> None:
    """Raises InputError where any text of the model is not valid UTF-8."""
    waiting: list[Message] = [model]
    while waiting:
        message = waiting.pop()
        for field, value in _fields(message):
            values = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                waiting.extend(values)
            elif field.type == FieldDescriptor.TYPE_STRING and _any_broken(values):
                found = f"a {field.name!r} in its {message.DESCRIPTOR.name} is not valid UTF-8"
                remedy = "the file is damaged, or its writer is: export it again"
                raise InputError(f"cannot open {shown(str(path))}", found, remedy)


def _any_broken(values: Iterable[object]) -> bool:
    try:
        # One protobuf implementation hands out bytes where the text is broken, the others raise.
        return any(isinstance(value, bytes) for value in values)
    except UnicodeDecodeError:
        return True


def _fields(message: Message) -> Iterable[tuple[FieldDescriptor, object]]:
    if isinstance(message, onnx.TensorProto):
        # Listing all fields would copy the weights.
        names = ("name", "doc_string", "external_data", "metadata_props")
        by_name = message.DESCRIPTOR.fields_by_name
        return [(by_name[name], getattr(message, name)) for name in names if name in by_name]
    fields: Iterable[tuple[FieldDescriptor, object]] = message.ListFields()
    return fields
