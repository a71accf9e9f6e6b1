"""The real command, started as a user would, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "xbench"]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The error: what was said on standard error besides progress."""
        return self.err.strip().splitlines()


@dataclass(frozen=True)
class Shell:
    folder: Path

    def __call__(self, *arguments, timeout=120) -> Ended:
        child = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | {"PYTHONWARNINGS": "ignore", "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Ended(child.returncode, child.stdout.decode(), child.stderr.decode())

    @property
    def runs(self) -> list[Path]:
        return sorted((self.folder / "results").glob("*Z-*"))


@pytest.fixture
def xbench(tmp_path) -> Shell:
    return Shell(tmp_path)


def assert_clear_error(ended: Ended, code: int, *words: str) -> None:
    """One to three lines that say these words; nothing raw from a file, no traceback."""
    assert ended.code == code, ended
    assert 1 <= len(ended.lines) <= 3, ended.err
    assert ended.err.startswith("xbench: ")
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err + ended.out
    assert ended.out == ""
    for word in words:
        assert word in ended.err
