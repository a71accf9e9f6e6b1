"""Gets a user's function. Doing so runs the user's code, and so needs the user's word."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import InputError
from .quiet import one_line

# What importing a module that this program did not write raises when it is broken.
_IMPORT_FAULTS = (
    ImportError,
    SyntaxError,
    NameError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    OSError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
    SystemExit,
)


def require_trust(reference: str, trusted: bool) -> None:
    """Raises InputError where code is named and the user has not said that it may run."""
    if not trusted:
        raise InputError(
            f"{reference!r} is code, and loading it runs it",
            "the suite is not trusted",
            "read the code, then pass --trust",
        )


def load_factory(reference: str, base: Path, trusted: bool) -> Callable[..., Any]:
    """The function that `reference` names, as `module:function`.

    `module` is a Python file at or below the directory `base` (`model.py`, `nets/model.py`, or just `model`
    for `model.py`), or else an importable module. A file is run under a name of its own, so that
    it shadows nothing; `base` is not put on the import path.

    Raises InputError before anything is run where `trusted` is false; also for a file outside `base`,
    a module that cannot be imported, and a name in it that is missing or cannot be called.
    """
    module_name, colon, function = reference.partition(":")
    if not (colon and module_name and function.isidentifier()):
        raise InputError(
            f"{reference!r} does not name a function",
            "",
            "write it as module:function, such as model.py:build",
        )
    require_trust(reference, trusted)
    module = _load_module(module_name, base, reference)
    found = getattr(module, function, None)
    if not callable(found):
        state = "is not a function" if hasattr(module, function) else "is not there"
        raise InputError(f"{reference!r} cannot be used", f"{function!r} {state}", "check the name")
    return _staying(reference, found)


def _staying(reference: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function. One that ends the program would end it with an exit code that means something else."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SystemExit as error:
            raise InputError(
                f"{reference!r} tried to end the program",
                f"with the exit code {error.code!r}",
                "let it return, or raise an exception",
            ) from error

    return called


def _load_module(name: str, base: Path, reference: str) -> ModuleType:
    path = _file_beside(name, base)
    try:
        return importlib.import_module(name) if path is None else _run_file(path)
    except _IMPORT_FAULTS as error:
        raise InputError(
            f"{reference!r} cannot be imported",
            one_line(error),
            f"the file must run on its own; files are looked for in {base}",
        ) from error


def _file_beside(name: str, base: Path) -> Path | None:
    """The file that a reference means; None where it means an importable module."""
    named = name if name.endswith(".py") else f"{name}.py"
    path = (base / named).resolve()
    if path.is_file() and path.is_relative_to(base.resolve()):
        return path
    if not name.endswith(".py") and "/" not in name:
        return None
    raise InputError(
        f"The file {named!r} cannot be used",
        f"it is outside {base}" if path.is_file() else f"there is no {path}",
        "name a file in the suite's directory or below it",
    )


def _run_file(path: Path) -> ModuleType:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"_xbench_factory_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
