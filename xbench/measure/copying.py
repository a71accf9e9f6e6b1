"""How fast this machine copies memory, by the rules of STREAM.

J. D. McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers" (1995), and the
run rules of STREAM: each array is at least four times as large as the last-level caches together; its Copy
kernel counts the bytes read and the bytes written, and not what a cache fetches before it writes.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..machine.caches import last_level_cache_bytes
from ..records.measurement import Samples

TIMES_THE_CACHE = 4
_UNKNOWN_CACHE = 64 * 2**20
_LEAST = 64 * 2**20


def array_bytes() -> int:
    """How large each of the two arrays has to be on this machine, in bytes; 64 MiB of cache are taken if unknown."""
    return max(_LEAST, TIMES_THE_CACHE * (last_level_cache_bytes() or _UNKNOWN_CACHE))


def copy_times(size_bytes: int, threads: int, repeats: int) -> Samples:
    """Copy one array of about that size into another, `repeats` times; the durations in nanoseconds.

    Each thread copies a stretch of its own, which it touched first, so that its pages lie near it. The first
    copy is not counted: it maps the pages.
    """
    stretch = max(1, size_bytes // 8 // threads)

    def made(_: int) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(stretch), np.zeros(stretch)

    with ThreadPoolExecutor(threads) as pool:
        pairs = list(pool.map(made, range(threads)))
        durations = []
        for _ in range(repeats + 1):
            start = time.perf_counter_ns()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))
            durations.append(time.perf_counter_ns() - start)
    return np.asarray(durations[1:], dtype=np.int64)
