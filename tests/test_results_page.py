"""docs/results.md and docs/quality-results.md are what the kept runs say, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
if not SCRIPTS.is_dir():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)


@pytest.mark.parametrize("script", ["results_docs.py", "quality_docs.py"])
def test_the_page_is_what_the_kept_runs_say(script):
    done = subprocess.run([sys.executable, SCRIPTS / script, "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stderr}\nwrite it again: python scripts/{script}"
