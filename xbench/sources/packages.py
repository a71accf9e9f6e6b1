"""Finds data that ships inside an installed package, without running the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError


def package_dir(package: str, subdir: str) -> Path:
    """The absolute path of directory `subdir` inside the installed top-level package `package`.

    The package is located, not imported. Raises InputError where there is no such package or directory,
    and where `subdir` leads out of the package, also by a symbolic link.
    """
    if not package.isidentifier():
        raise InputError(
            f"{package!r} is not the name of a top-level package",
            "a dotted name could only be found by importing its parent",
            "name the top-level package, and the rest as a sub-directory",
        )
    for root in _roots(package):
        found = (root / subdir).resolve()
        if not found.is_relative_to(root.resolve()):
            raise InputError(
                f"The directory {subdir!r} leads out of the package {package!r}",
                f"it is {found}",
                "name a directory inside the package",
            )
        if found.is_dir():
            return found
    raise InputError(
        f"The package {package!r} has no directory {subdir!r}",
        f"looked in {', '.join(map(str, _roots(package)))}",
        "check the spelling, and the version that is installed",
    )


def _roots(package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except ValueError:  # a module that is loaded, but was made by hand
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        raise InputError(
            f"The package {package!r} is not installed",
            "" if spec is None else "a single-file module of that name is",
            f"pip install {package.replace('_', '-')}",
        )
    return [Path(location) for location in spec.submodule_search_locations]
