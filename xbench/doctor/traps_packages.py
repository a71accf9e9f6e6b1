"""Traps of how ONNX Runtime was installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..machine.sharedlibs import find_library
from .packages import Runtime
from .record import Trap

# Debian's and Ubuntu's packages of libraries that slim images leave out.
_SYSTEM_PACKAGES = {
    "libgomp.so.1": "libgomp1",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
    "libtbb.so.12": "libtbb12",
    "libOpenCL.so.1": "ocl-icd-libopencl1",
}


def two_runtimes(installed: Sequence[Runtime]) -> Trap:
    """Two packages that own the module `onnxruntime`, or one that was damaged when another went or came."""
    matters = (
        "pip lets them overwrite each other's files, and an uninstall of one takes the other's away: what runs is a "
        "mixture, and the version in the records is not its own"
    )
    called = " and ".join(f"{one.called} in {one.folder}" for one in installed)
    if len(installed) > 1:
        found = f"{called}; {_whose(installed)}"
        return Trap(name="two-runtimes", sprung=True, found=found, matters=matters, remedy=_reinstall(installed))
    for one in installed:
        if not one.whole or one.about not in (("", ""), (one.name, one.version)):
            # The module's own words differ from the metadata also where every digest is right.
            found = f"{called}: {one.missing} of its files are missing, {one.foreign} are another's; {_whose([one])}"
            return Trap(name="two-runtimes", sprung=True, found=found, matters=matters, remedy=_reinstall([one]))
    return Trap(name="two-runtimes", sprung=False, found=called or "ONNX Runtime is not installed", matters=matters)


def _whose(installed: Sequence[Runtime]) -> str:
    first = installed[0]
    name, version = first.about
    return f"the module that Python imports says of itself: {name} {version}" if name else "the module says no name"


def _reinstall(installed: Sequence[Runtime]) -> str:
    # The GPU package runs on the CPU too; the plain one has nothing that another lacks.
    keep = next((one for one in installed if one.name != "onnxruntime"), installed[0])
    names = " ".join(sorted({one.name for one in installed}))
    return f"pip uninstall -y {names}; pip install --no-deps --force-reinstall {keep.name}=={keep.version}"


def glibc_too_old(installed: Sequence[Runtime], glibc: tuple[int, int] | None) -> Trap:
    """A wheel that was built for a newer C library; `glibc` is this machine's, None where it has another one."""
    matters = (
        "its libraries do not load: pip refuses such a wheel, but --target, a copied folder or an old image do not"
    )
    here = f"glibc {glibc[0]}.{glibc[1]}" if glibc else "a C library that is not glibc"
    for one in installed:
        if one.glibc is not None and (glibc is None or glibc < one.glibc):
            wanted = f"{one.glibc[0]}.{one.glibc[1]}"
            return Trap(
                name="glibc-too-old",
                sprung=True,
                found=f"{one.called} was built for glibc {wanted}, and here is {here}",
                matters=matters,
                remedy=f"use a system with glibc {wanted} or later, such as: docker build -f docker/cpu.Dockerfile .",
            )
    return Trap(name="glibc-too-old", sprung=False, found=here, matters=matters)


def missing_system_libraries(needs: Mapping[Path, Sequence[str]], folders: Sequence[Path]) -> Trap:
    """Libraries of the system, such as libgomp, that the runtime's own libraries ask for and that are not there.

    `needs` are the names that each library asks for; NVIDIA's are left out, since they have traps of their own. A
    library also finds what lies beside it.
    """
    matters = "slim images leave them out, and the import then fails, or one provider silently is not there"
    absent: dict[str, Path] = {}
    for library, names in needs.items():
        for name in names:
            if name.startswith(_SYSTEM) and find_library(name, (library.parent, *folders)) is None:
                absent.setdefault(name, library)
    if not absent:
        asked = len({name for names in needs.values() for name in names if name.startswith(_SYSTEM)})
        found = f"{asked} names of system libraries are asked for, and all are found"
        return Trap(name="system-libraries", sprung=False, found=found, matters=matters)
    return Trap(
        name="system-libraries",
        sprung=True,
        found="; ".join(f"{library.name} needs {name}" for name, library in sorted(absent.items())),
        matters=matters,
        remedy=f"apt-get install -y {' '.join(_SYSTEM_PACKAGES.get(name, name) for name in sorted(absent))}",
    )


_SYSTEM = tuple(_SYSTEM_PACKAGES)
