"""Runs commands as a user does, from outside: what they said, how they ended, how long they took; keeps results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

XBENCH = Path(sys.executable).with_name("xbench")
TIME_LIMIT = 600.0
"""Seconds that a comparison may take, whatever its budget: ten minutes are a fault."""
TIMED_OUT = 124
"""The exit code that `timeout` of the coreutils gives a command which it had to end."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Said:
    """How a command ended. `seconds` holds everything, from the start of the process on."""

    exit_code: int
    seconds: float
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last line of its errors, for a reason."""
        plain = _COLOUR.sub("", self.stderr or self.stdout)
        lines = [line.strip() for line in plain.splitlines() if line.strip()]
        return f"exit code {self.exit_code}: {lines[-1][:300] if lines else 'nothing was said'}"


def ask(
    command: Sequence[str | Path],
    time_limit: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Said:
    """Run a command, in a folder, to its end; it is killed after `time_limit` seconds: its exit code is then 124."""
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=time_limit,
            cwd=folder,
            env=dict(os.environ, **(environment or {})),
        )
    except subprocess.TimeoutExpired:
        return Said(TIMED_OUT, time.perf_counter() - started, "", f"not done after {time_limit:.0f} s")
    return Said(done.returncode, time.perf_counter() - started, done.stdout, done.stderr)


@dataclass(frozen=True)
class Compared:
    """What `xbench compare` said of two files. `data` is its JSON; None where it gave none."""

    said: Said
    data: dict[str, Any] | None

    @property
    def comparison(self) -> dict[str, Any] | None:
        """The comparison on the first device that has one."""
        return next(iter(self.data["comparisons"]), None) if self.data else None

    @property
    def failure(self) -> str:
        """Why there is no JSON: an error of xbench has few lines, and the first says most."""
        return f"exit code {self.said.exit_code}: {' '.join(self.said.stderr.split())}"

    def row(self) -> dict[str, Any]:
        """The figures that benchmarks keep. `half_width` is relative; the times are medians of each variant."""
        row: dict[str, Any] = {"exit_code": self.said.exit_code, "seconds": self.said.seconds}
        row |= dict.fromkeys(("verdict", "speedup", "low", "high", "half_width"))
        found = self.comparison
        if found is None:
            return row | {"failed": self.failure}
        times = [found["measurements"].get(found[who], {}) for who in ("baseline", "candidate")]
        row |= {
            "verdict": found["verdict"],
            "noise_floor": found["noise_floor"],
            "base_ms": times[0].get("latency_p50_ms"),
            "cand_ms": times[1].get("latency_p50_ms"),
            "reasons": found["reasons"],
            "run": self.data and self.data["run"],
        }
        if found["speedup"] is not None:
            point, low, high = (found["speedup"][name] for name in ("point", "low", "high"))
            row |= {"speedup": point, "low": low, "high": high, "half_width": (high - low) / 2 / point}
        return row


def compare(
    base: Path,
    cand: Path,
    options: Sequence[str],
    results: Path,
    environment: Mapping[str, str] | None = None,
) -> Compared:
    """`xbench compare`, with any of its options. The record of the run goes into the folder `results`."""
    command: list[str | Path] = [
        XBENCH,
        "compare",
        base,
        cand,
        "--json",
        "-",
        "--quiet",
        "--output",
        results,
        *options,
    ]
    said = ask(command, TIME_LIMIT, environment=environment)
    # Exit codes 2 and 5 are errors, with words and no results.
    return Compared(said, json.loads(said.stdout) if said.stdout.startswith("{") else None)


def save(data: Any, file: Path) -> None:
    """Write JSON so that a benchmark that is interrupted leaves the old file or the new one, never half of one."""
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(data, indent=1) + "\n")
    part.replace(file)
