"""What the CPU of this very process says of itself: the instruction CPUID.

/proc/cpuinfo cannot be asked under qemu-user: it is the host's.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass

# void ask(uint32 leaf, uint32 subleaf, uint32 answer[4]), by the System V calling convention of x86-64:
# push rbx; mov eax,edi; mov ecx,esi; mov r8,rdx; cpuid; mov [r8],eax; mov [r8+4],ebx; mov [r8+8],ecx;
# mov [r8+12],edx; pop rbx; ret
_CODE = bytes.fromhex("53 89f8 89f1 4989d0 0fa2 418900 41895804 41894808 4189500c 5b c3")
_EAX, _EBX, _ECX, _EDX = range(4)
# (leaf, subleaf, register, bit) by the names of /proc/cpuinfo: Intel 64 Software Developer's Manual, volume 2A,
# CPUID, leaves 1 and 7. Those that decide which kernels a library takes.
_BITS = {
    "avx": (1, 0, _ECX, 28),
    "fma": (1, 0, _ECX, 12),
    "f16c": (1, 0, _ECX, 29),
    "avx2": (7, 0, _EBX, 5),
    "avx512f": (7, 0, _EBX, 16),
    "avx512_vnni": (7, 0, _ECX, 11),
    "amx_bf16": (7, 0, _EDX, 22),
    "amx_int8": (7, 0, _EDX, 25),
    "avx_vnni": (7, 1, _EAX, 4),
    "avx512_bf16": (7, 1, _EAX, 5),
}
_BRAND = (0x80000002, 0x80000003, 0x80000004)
# The leaf at which hypervisors, and emulators, sign: target/i386/cpu.c of QEMU writes TCGTCGTCGTCG.
_SIGNATURE = 0x40000000

KNOWN_FLAGS = frozenset(_BITS)
"""What `cpu_self` looks for."""

Ask = Callable[[int, int], tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class CpuSelf:
    """`signature`: who plays the CPU, or what the real one says there; `flags` by the names of /proc/cpuinfo."""

    signature: str
    brand: str
    flags: frozenset[str]


def cpu_self() -> CpuSelf:
    """Ask the CPU. On x86-64 alone: elsewhere there is no such instruction. OSError where no code may be made."""
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_CODE)
        start = ctypes.c_char.from_buffer(page)
        call = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(ctypes.addressof(start))

        def ask(leaf: int, subleaf: int) -> tuple[int, int, int, int]:
            answer = (ctypes.c_uint32 * 4)()
            call(leaf, subleaf, ctypes.addressof(answer))
            return answer[0], answer[1], answer[2], answer[3]

        found = _read(ask)
        del start  # or the page could not be given back
    return found


def _read(ask: Ask) -> CpuSelf:
    brand = b"".join(struct.pack("<4I", *ask(leaf, 0)) for leaf in _BRAND)
    signature = struct.pack("<3I", *ask(_SIGNATURE, 0)[1:])
    has = frozenset(name for name, (leaf, sub, register, bit) in _BITS.items() if ask(leaf, sub)[register] >> bit & 1)
    return CpuSelf(_text(signature), _text(brand), has)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", errors="replace").strip()
