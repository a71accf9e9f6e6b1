"""Runs a module on arrays, as a runner would run its ONNX file."""

from __future__ import annotations

import torch

from ..protocols import Feeds, Outputs
from ..pruning.forward import tensors_of
from .dense import DenseModel, users_code


def input_dtypes(dense: DenseModel) -> dict[str, str]:
    """The inputs that the module is fed with by name, with their dtypes as NumPy calls them."""
    return {name: tensor.numpy().dtype.name for name, tensor in dense.example_inputs.items()}


def outputs_of(module: torch.nn.Module, feeds: Feeds) -> Outputs:
    """The module's outputs in order, named by their place. Raises InputError where its forward fails."""
    with users_code("The module's forward"), torch.no_grad():
        tensors = tensors_of(module(**{name: torch.from_numpy(array) for name, array in feeds.items()}))
    return {str(place): tensor.numpy() for place, tensor in enumerate(tensors)}
