"""Targets whose processor qemu-user plays: whether it is here, how it is started, and the proof that it plays."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import InvalidError, UnavailableError
from ..records.profile import Emulation, HardwareProfile
from . import cpuid, hwcap
from .cpuid import CpuSelf, cpu_self
from .hwcap import arm_flags

SLOWDOWN = 50
"""How many times as long an answer may take under the emulator, unless the user says how long.

Matrix products take some hundred times as long there (docs/emulation.md), and most answers a small part of the limit.
"""

# What decides which matrix kernels a library takes: the played CPU has exactly those that the profile names.
_DECIDING_X86 = frozenset({"avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16", "avx512_bf16"})
_DECIDING_ARM = frozenset({"asimddp", "sve", "sve2", "i8mm", "bf16"})
_TCG = "TCGTCGTCGTCG"
_ASKING_S = 10.0


def emulator_reason(emulation: Emulation) -> str:
    """Why this emulation cannot be had here, in words; empty where it can."""
    found = shutil.which(emulation.program)
    if found is None:
        return f"the emulator {emulation.program} is not installed"
    asked = subprocess.run([found, "-cpu", "help"], capture_output=True, text=True, timeout=_ASKING_S, check=False)
    name = emulation.cpu.split(",")[0]
    if name not in asked.stdout.split():
        return f"{emulation.program} is here and cannot play the CPU {name}"
    return _root_reason(emulation)


def emulator_remedy(emulation: Emulation) -> str:
    """What mends a missing emulation, on Debian and its kin: the program comes first, then the target's Python."""
    if shutil.which(emulation.program) is None or not emulation.root:
        return "apt-get install qemu-user-static"
    return "scripts/arm64_root.sh builds such a folder: see docs/emulation.md"


def _root_reason(emulation: Emulation) -> str:
    if not emulation.root:
        here = platform.machine()
        same = emulation.program.removesuffix("-static") == f"qemu-{here}"
        return "" if same else f"{emulation.program} needs a Python of its own, and that of xbench is of {here}"
    folder = os.environ.get(emulation.root, "")
    if not folder:
        return f"the variable {emulation.root} names no folder with a Python of the target"
    return "" if _python_in(Path(folder)).is_file() else f"{emulation.root}={folder} has no {_python_in(Path())}"


def _python_in(root: Path) -> Path:
    return root / "usr/bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def python_command(emulation: Emulation | None) -> list[str]:
    """The command that runs Python as a target's processor: this one, or the emulator with its Python.

    Raises UnavailableError where the emulator, or the target's Python, is not here.
    """
    if emulation is None:
        return [sys.executable]
    reason = emulator_reason(emulation)
    if reason:
        raise UnavailableError(f"The CPU {emulation.cpu} cannot be emulated", reason, emulator_remedy(emulation))
    command = [emulation.program, "-cpu", emulation.cpu]
    if not emulation.root:
        return [*command, sys.executable]
    root = Path(os.environ[emulation.root]).absolute()
    return [*command, "-L", str(root), str(_python_in(root))]


def untimed(emulation: Emulation | None) -> str:
    """Why nothing is timed on a target; empty where its times mean something."""
    if emulation is None:
        return ""
    return f"emulated: not timed, since {emulation.program} plays the CPU ({emulation.cpu})"


def require_played(profile: HardwareProfile) -> str:
    """The proof, asked for inside the emulated process: which CPU it sees, in words.

    Raises InvalidError where the emulator does not play, or plays a CPU with other features than the profile
    names: then its outputs are those of another processor's kernels.
    """
    machine = platform.machine()
    if machine == "x86_64":
        return check_x86(profile, cpu_self())
    if machine == "aarch64":
        flags = _just_those_named(profile, "the CPU", arm_flags(), hwcap.KNOWN_FLAGS, _DECIDING_ARM)
        return f"the worker runs on aarch64, with {flags}"
    raise InvalidError(f"The worker of {profile.name} runs on {machine}", "which CPU it sees cannot be told there")


def check_x86(profile: HardwareProfile, seen: CpuSelf) -> str:
    """`require_played` for x86, of what CPUID has said."""
    if seen.signature != _TCG:
        raise InvalidError(
            f"The worker of {profile.name} does not run under the emulator",
            f"CPUID tells {seen.brand or 'no name'}, signed {seen.signature or 'by nobody'}, and not {_TCG}",
            f"{profile.emulation.program if profile.emulation else 'the program'} must be QEMU's own",
        )
    flags = _just_those_named(profile, seen.brand, seen.flags, cpuid.KNOWN_FLAGS, _DECIDING_X86)
    return f"the worker's CPUID tells {seen.brand}, played by QEMU, with {flags}"


def _just_those_named(
    profile: HardwareProfile, whose: str, seen: frozenset[str], known: frozenset[str], deciding: frozenset[str]
) -> str:
    named = set(profile.requires.cpu_flags)
    missing, more = sorted(named & known - seen), sorted(seen & deciding - named)
    if missing or more:
        parts = [f"{word} {', '.join(flags)}" for word, flags in (("it lacks", missing), ("it has", more)) if flags]
        raise InvalidError(
            f"The CPU that is played for {profile.name} is another than its profile says",
            f"{whose}: {'; '.join(parts)}",
            "requires.cpu_flags names what the target has, and no more; QEMU 7.2 is the first with AVX2",
        )
    return ", ".join(sorted(seen))
