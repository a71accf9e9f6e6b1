"""The model of two nodes as a kept PyTorch program, for runners that run PyTorch itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch

from ..artifacts.modules import SUFFIX
from ..onnxfile.two_nodes import two_nodes
from ..sources.quiet import hushed


class _TwoNodes(torch.nn.Module):
    """`relu(x @ w)`, with its input and its output each in a tuple, as all kept programs have them."""

    def __init__(self, w: torch.Tensor) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(w)

    def forward(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (torch.relu(tensors[0] @ self.w),)


def write_two_nodes_program(folder: Path) -> Path:
    """Write the program into a folder, named by its digest; the same weights as in the ONNX file."""
    known = two_nodes()[1]
    with hushed(), torch.no_grad():
        module = _TwoNodes(torch.from_numpy(known.weight))
        program = torch.export.export(module, ((torch.from_numpy(known.feeds["x"]),),), strict=False)
        # They would be kept as a pickle.
        program.example_inputs = None
        path = folder / f"two_nodes{SUFFIX}"
        signature = json.dumps({"inputs": list(known.feeds), "outputs": list(known.expected)})
        torch.export.save(program, path, extra_files={"signature.json": signature})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(folder / f"{digest}{SUFFIX}")
