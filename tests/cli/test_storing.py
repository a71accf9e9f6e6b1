"""Results folders that cannot be written: a clear error, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager

import pytest

from .conftest import assert_clear_error
from .models import mlp, save


@contextmanager
def tmpfs(path, options):
    """A file system of its own at `path`; the test is skipped where none can be mounted."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def compare(xbench, output):
    base, candidate = save(mlp(), xbench.folder / "base.onnx"), save(mlp(32), xbench.folder / "cand.onnx")
    return xbench("compare", base, candidate, "--hardware", "cpu", "--budget", "2s", "--quiet", "--output", output)


@pytest.mark.parametrize("name", ["file", "file/results"])
def test_a_folder_below_a_file(xbench, name):
    (xbench.folder / "file").write_text("in the way")
    assert_clear_error(compare(xbench, name), 2, "Not a directory", "--output DIR")


def test_a_folder_that_may_only_be_read(xbench):
    with tmpfs(xbench.folder / "ro", "ro") as folder:
        assert_clear_error(compare(xbench, folder), 2, "Read-only file system", "--output DIR")


@pytest.mark.parametrize("size", ["16k", "48k"])
def test_a_full_disk(xbench, size):
    with tmpfs(xbench.folder / "full", f"size={size}") as folder:
        assert_clear_error(compare(xbench, folder), 2, "No space left on device", "--output DIR")
        left = [path for path in folder.rglob("*") if path.is_file()]
        assert not [path for path in left if path.name.startswith(".run")]
        for path in left:
            if path.suffix == ".json":
                json.loads(path.read_text())


def test_a_record_does_not_tell_where_the_files_lay(xbench):
    assert compare(xbench, "results").code in (0, 3)
    (run,) = (xbench.folder / "results").glob("*-compare-*")
    for name in ("run.json", "suite.yaml"):
        assert '"base.onnx"' in (run / name).read_text()
        assert str(xbench.folder) not in (run / name).read_text()
