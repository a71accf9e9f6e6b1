"""What the kernel, or qemu-user in its place, tells a process of an arm64 CPU: the auxiliary vector, getauxval(3).

/proc/cpuinfo cannot be asked under qemu-user before 8.2: it is the host's.
"""

from __future__ import annotations

import ctypes

_AT_HWCAP, _AT_HWCAP2 = 16, 26  # include/uapi/linux/auxvec.h
# (word, bit) by the names of /proc/cpuinfo: arch/arm64/include/uapi/asm/hwcap.h of Linux. Those that decide
# which kernels a library takes.
_BITS = {
    "asimd": (_AT_HWCAP, 1),
    "asimdhp": (_AT_HWCAP, 10),
    "asimddp": (_AT_HWCAP, 20),
    "sve": (_AT_HWCAP, 22),
    "sve2": (_AT_HWCAP2, 1),
    "i8mm": (_AT_HWCAP2, 13),
    "bf16": (_AT_HWCAP2, 14),
}
KNOWN_FLAGS = frozenset(_BITS)
"""What `arm_flags` looks for."""


def arm_flags() -> frozenset[str]:
    """The features of the CPU that this process runs on, or is played; on arm64 alone."""
    ask = ctypes.CDLL(None).getauxval
    ask.restype, ask.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
    return frozenset(name for name, (word, bit) in _BITS.items() if ask(word) >> bit & 1)
