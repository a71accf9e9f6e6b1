"""What must be quick imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "onnxruntime"}


@pytest.mark.parametrize("command", ["--help", "hardware list", "compact --help"])
def test_no_heavy_library_is_imported(tmp_path, command):
    child = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "xbench", *command.split(" ")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in child.stderr.splitlines() if "|" in line}
    assert "xbench" in modules
    assert not modules & HEAVY
    assert child.stdout
