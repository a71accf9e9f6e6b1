"""ONNX's element types by NumPy's names, those of ml_dtypes included."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ..errors import InputError
from .walk import shown

_BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
"""Types that are packed more densely than one to the byte."""


def dtype_name(elem_type: int) -> str:
    """NumPy's or ml_dtypes' name; `string`; `undefined` for 0 and numbers that nobody knows."""
    if elem_type == onnx.TensorProto.STRING:
        return "string"
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(elem_type).name
    except KeyError:
        return "undefined"


def numpy_dtype(name: str) -> np.dtype[np.generic]:
    """The dtype of such a name. Raises TypeError where there is none, as for `string`."""
    return np.dtype(getattr(ml_dtypes, name, name))


def is_float(name: str) -> bool:
    """True for every floating type, those of 4 to 16 bits included."""
    return name.startswith(("float", "bfloat"))


def packed_bytes(tensor: onnx.TensorProto) -> int:
    """The bytes that the tensor's dims and type need as stored. Raises InputError for an unknown type."""
    elements: int = math.prod(tensor.dims)
    name = dtype_name(tensor.data_type)
    if name in ("undefined", "string") or any(dim < 0 for dim in tensor.dims):
        kind = f"type {tensor.data_type} and shape {'x'.join(map(str, tensor.dims))}"
        raise InputError(f"cannot read tensor {shown(tensor.name)}", f"it has {kind}", "export the model again")
    bits = _BITS.get(onnx.TensorProto.DataType.Name(tensor.data_type))
    return math.ceil(elements * bits / 8) if bits else elements * numpy_dtype(name).itemsize


def to_array(tensor: onnx.TensorProto) -> npt.NDArray[np.generic]:
    """The tensor's values. Raises InputError where its bytes do not fit its shape."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"tensor {tensor.name!r} was left outside: open the model with load_external=True")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        found = f"its data does not fit its shape {'x'.join(map(str, tensor.dims)) or 'scalar'} and type"
        raise InputError(f"cannot read tensor {shown(tensor.name)}", found, "export the model again") from error
