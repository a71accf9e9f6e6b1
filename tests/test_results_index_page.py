"""The figures of docs/results-index.md are what results/records_at_size.json says, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks/records_at_size.py"
if not SCRIPT.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def test_the_table_is_what_was_recorded():
    done = subprocess.run([sys.executable, SCRIPT, "--page", "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stderr}\nwrite it again: python benchmarks/records_at_size.py --page"
