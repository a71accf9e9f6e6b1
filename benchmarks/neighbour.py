"""A neighbour on the machine: takes one core for 5 s, rests for 5 s, and so on, until it is killed.

    python benchmarks/neighbour.py &

It ends, too, when the process that started it has ended. `--phase` says where in its round it begins.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY, REST = 5.0, 5.0
SLICE = 0.1
"""How often it looks whether its round or its parent has ended: seconds."""


@contextmanager
def neighbour(phase: float = 0.0) -> Iterator[None]:
    """A neighbour while the block runs. Raises RuntimeError where it was gone before the block was done."""
    with subprocess.Popen([sys.executable, Path(__file__), "--phase", str(phase)]) as process:
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError(f"the neighbour ended by itself, with exit code {process.returncode}")
        finally:
            process.terminate()


def work(until: float) -> None:
    """Take a core."""
    while time.monotonic() < until:
        sum(range(1000))


def main() -> None:
    """Work and rest by turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", metavar="SECONDS", type=float, default=BUSY)
    parser.add_argument("--rest", metavar="SECONDS", type=float, default=REST)
    parser.add_argument("--phase", metavar="SECONDS", type=float, default=0.0, help="how far into a round it starts")
    arguments = parser.parse_args()
    begun = time.monotonic() - arguments.phase
    parent = os.getppid()
    while os.getppid() == parent:
        now = time.monotonic()
        if (now - begun) % (arguments.busy + arguments.rest) < arguments.busy:
            work(now + SLICE)
        else:
            time.sleep(SLICE)


if __name__ == "__main__":
    main()
