"""Loads a kept PyTorch program, and only the one that was recorded.

`torch.export.load` unpickles, and evaluates expressions as text: a file that somebody else has written can run
any code. So the file is copied into memory that no other process has a name for, the digest is taken of that
copy, and the copy is what is loaded. The digest that it must have is its file's name, which the process that
started this one took from its record (docs/decisions/0008-torch-reference.md).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from xbench.errors import InvalidError
from xbench.sources.quiet import hushed, one_line

if TYPE_CHECKING:
    import torch

SIGNATURE = "signature.json"


@dataclass(frozen=True, slots=True)
class Program:
    """A module that takes one tuple of tensors and gives a tuple of tensors, and what they are called."""

    module: torch.fx.GraphModule
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def verified_copy(path: Path) -> BinaryIO:
    """The content of `path` in memory, held against the digest that is its name. The caller closes it.

    Raises InvalidError where the file is missing, or is not what its name says; nothing of it was loaded then.
    """
    copy = os.fdopen(os.memfd_create("xbench-program", os.MFD_CLOEXEC), "w+b")
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        found = hashlib.file_digest(copy, "sha256").hexdigest()
    except OSError as error:
        copy.close()
        raise InvalidError(
            "The kept PyTorch program cannot be read", error.strerror or one_line(error), "run the suite again"
        ) from error
    if found != path.stem:
        copy.close()
        raise InvalidError(
            "The kept PyTorch program is not the one that was prepared, and was not loaded",
            f"then its sha256 was {path.stem[:16]}..., now it is {found[:16]}...",
            "run the suite again, and let nothing write to the artifacts meanwhile",
        )
    copy.seek(0)
    return copy


def load_program(copy: BinaryIO) -> Program:
    """The program in a verified copy. Raises InvalidError where this version of torch cannot load it."""
    import torch

    extra = {SIGNATURE: ""}
    try:
        with hushed():
            program = torch.export.load(copy, extra_files=extra)
    except Exception as error:
        raise InvalidError(
            "torch cannot load the kept PyTorch program", one_line(error), "run the suite again with this torch"
        ) from error
    signature = json.loads(extra[SIGNATURE])
    guarded = program.module(check_guards=False)
    # What the ONNX file has no output for is not computed there either (the pooler of BERT).
    guarded.graph.eliminate_dead_code()
    # A new module of that graph: without the hooks that look at the inputs of each call, which the module that was
    # exported has not; parity has seen each input that is timed. And without weights that nothing uses.
    module = torch.fx.GraphModule(guarded, guarded.graph)
    return Program(module, tuple(signature["inputs"]), tuple(signature["outputs"]))
