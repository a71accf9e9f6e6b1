"""docs/results.md is what the kept runs say, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts/results_docs.py"
if not SCRIPT.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


def test_the_page_is_what_the_kept_runs_say():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stderr}\nwrite it again: python scripts/results_docs.py"
