"""The installed packages that bring ONNX Runtime, as their metadata tells. Imports none of them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

MODULE = "onnxruntime/__init__.py"
_ABOUT = "onnxruntime/capi/build_and_package_info.py"
# All packages that own the import name `onnxruntime` begin so: onnxruntime-gpu, -directml, -qnn, ort-nightly-gpu.
_NAMES = ("onnxruntime", "ort-nightly", "ort_nightly")
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_")


@dataclass(frozen=True, slots=True)
class Runtime:
    """One package that brings the module `onnxruntime`.

    `folder` is where it was installed to. `about` is what the module's own files say: package and version, each
    empty where they say nothing. `foreign` and `missing` count its Python files that are another's, by the digest
    in RECORD, or not there. `glibc`: the least version that its wheel was built for; None: not said.
    """

    name: str
    version: str
    folder: Path
    about: tuple[str, str]
    foreign: int
    missing: int
    glibc: tuple[int, int] | None

    @property
    def whole(self) -> bool:
        """Whether its files are all there, and its own."""
        return not self.foreign and not self.missing

    @property
    def libraries(self) -> tuple[Path, ...]:
        """Its own shared libraries, such as the module's core and the providers."""
        return tuple(sorted((self.folder / "onnxruntime/capi").glob("*.so*")))

    @property
    def called(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def runtimes(search_path: Sequence[str]) -> tuple[Runtime, ...]:
    """All of them below these folders (as `sys.path`), in the order in which Python would take them."""
    found = [_runtime(one) for one in distributions(path=list(search_path)) if _owns_module(one)]
    return tuple({(one.name, one.folder): one for one in found}.values())


def _owns_module(one: Distribution) -> bool:
    named = (one.metadata["Name"] or "").lower().startswith(_NAMES)
    return named and any(str(file) == MODULE for file in one.files or ())


def _runtime(one: Distribution) -> Runtime:
    foreign = missing = 0
    for file in one.files or ():
        # The libraries are large, and whoever overwrites one overwrites the Python files beside it.
        if file.suffix != ".py" or file.hash is None or file.hash.mode != "sha256":
            continue
        path = Path(str(one.locate_file(file)))
        if not path.is_file():
            missing += 1
        elif _digest(path) != file.hash.value:
            foreign += 1
    folder = Path(str(one.locate_file("")))
    return Runtime(one.metadata["Name"], one.version, folder, _about(folder), foreign, missing, _glibc(one))


def _digest(path: Path) -> str:
    """As RECORD writes it: base64 for URLs, with no padding (PyPA, "Recording installed projects")."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")


def _about(folder: Path) -> tuple[str, str]:
    path = folder / _ABOUT
    text = path.read_text(errors="replace") if path.is_file() else ""
    name, version = (
        re.search(rf"^{key} *= *'([^']*)'", text, re.MULTILINE) for key in ("package_name", "__version__")
    )
    return (name[1] if name else "", version[1] if version else "")


def _glibc(one: Distribution) -> tuple[int, int] | None:
    """Of the platform tags of the wheel (PEP 600) the lowest, since any of them must hold."""
    tags = _MANYLINUX.findall(one.read_text("WHEEL") or "")
    return min((int(major), int(minor)) for major, minor in tags) if tags else None
