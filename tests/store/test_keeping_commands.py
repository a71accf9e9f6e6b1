"""`xbench results verify` and `gc` as a user has them; and disks that are full or may only be read."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from records_by_hand import record, suite, variant

from xbench.cli.keeping import sweep_results, verify_runs
from xbench.errors import InputError, StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.results.rows import case_rows
from xbench.store.bundles import write_bundle
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.store.manifest import manifest_digest
from xbench.store.sweeping import sweep
from xbench.store.unpacking import import_bundle
from xbench.store.verifying import verify


def begun(results: Path):
    """A run of which all is done but the sealing, and its record."""
    run = ResultsFolder(results).new_run("s")
    asked = suite().model_dump(mode="json", by_alias=True)
    found = {"id": run.id, "created": run.created, "fingerprint": fingerprint(), "suite": asked}
    whole = record(**found, variants=(variant("dense", baseline=True), variant("pruned")))
    run.save(whole.model_copy(update={"status": "running"}))
    return run, whole


def sealed(results: Path) -> RunFolder:
    run, whole = begun(results)
    run.seal(whole, case_rows(whole))
    return run


def test_all_runs_are_looked_at_and_a_change_ends_in_4(tmp_path, capsys):
    assert verify_runs((), "", tmp_path) == 0
    assert capsys.readouterr().out == f"No runs in {tmp_path}\n"
    with pytest.raises(StoreError, match="There is no results folder"):
        verify_runs((), "", tmp_path / "misspelt")
    good, changed, (unfinished, _) = sealed(tmp_path), sealed(tmp_path), begun(tmp_path)
    digest = manifest_digest(good.path)
    assert verify_runs((), "", tmp_path) == 0
    out = capsys.readouterr().out
    assert f"{good.id}: ok, 3 files, sha256 {digest}\n" in out
    assert f"{unfinished.id}: not sealed: it is running\n" in out
    assert out.endswith("3 runs: 2 ok, 1 not sealed\n")
    (changed.path / "run.json").unlink()
    assert verify_runs((), "", tmp_path) == 4
    out = capsys.readouterr().out
    assert f"{changed.id}: CHANGED\n  run.json is gone\n" in out
    assert verify_runs((good.id,), digest, tmp_path) == 0
    assert verify_runs((good.id,), digest[::-1], tmp_path) == 4
    assert verify_runs((unfinished.id,), digest, tmp_path) == 4
    for names, asked in (((), digest), ((good.id,), digest[:12])):
        with pytest.raises(InputError, match="--digest"):
            verify_runs(names, asked, tmp_path)


def test_as_a_user_calls_them(tmp_path):
    run = sealed(tmp_path)

    def xbench(*arguments):
        command = [sys.executable, "-m", "xbench", "results", *arguments, "--output", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    (run.path / "cases.json").write_text("")
    out = xbench("verify", "last")
    assert (out.returncode, out.stderr) == (4, "")
    assert "cases.json was changed" in out.stdout
    (tmp_path / "artifacts" / f"{'b' * 64}.onnx").write_bytes(b"x" * 2**20)
    os.utime(tmp_path / "artifacts" / f"{'b' * 64}.onnx", (1, 1))
    dry = xbench("gc", "--dry-run").stdout
    assert dry.endswith("1 would be removed, 1.0 MiB\n")
    assert xbench("gc").stdout == dry.replace("would be removed", "removed")


def test_what_stays_is_told(tmp_path, capsys):
    run, _ = begun(tmp_path)
    with run.locked():
        sweep_results(tmp_path, dry_run=False)
    assert capsys.readouterr().out == (
        "stays: artifacts: another process works with them; try again when it has ended\n0 removed, 0.0 MiB\n"
    )


@contextmanager
def disk(path: Path, size: str):
    """A small file system of its own; the test is skipped where none can be mounted."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    if (done := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(path: Path, leave: int) -> Path:
    space = os.statvfs(path)
    (path / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize - leave))
    return path / "filler"


@pytest.mark.parametrize("leave", [0, 8192, 16384])
def test_on_a_full_disk_nothing_is_half_sealed(tmp_path, leave):
    with disk(tmp_path / "small", "1m") as folder:
        run, whole = begun(folder)
        before = (run.path / "run.json").read_bytes()
        filler = fill(folder, leave)
        with pytest.raises(StoreError, match=r"(?s)cannot be written.*No space left on device"):
            run.seal(whole, case_rows(whole))
        assert (run.path / "run.json").read_bytes() == before
        assert (run.sealed, run.rows()) == (False, None)
        assert verify(run).unsealed.startswith("it is running")
        assert not [path for path in run.path.iterdir() if path.name.startswith(".")]
        if leave == 0:
            with pytest.raises(StoreError, match="No space left on device"):
                run.log("more " * 1000)
        filler.unlink()
        run.seal(whole, case_rows(whole))
        assert verify(run, case_rows).problems == ()


def test_a_bundle_that_does_not_fit_leaves_nothing(tmp_path):
    write_bundle([sealed(tmp_path / "results")], tmp_path / "b")
    with disk(tmp_path / "small", "64k") as folder:
        fill(folder, 8192)
        with pytest.raises(StoreError, match="No space left on device"):
            import_bundle(tmp_path / "b", ResultsFolder(folder))
        assert [path.name for path in folder.iterdir()] == ["filler"]


def test_what_may_only_be_read_is_verified_and_exported(tmp_path):
    with disk(tmp_path / "ro", "1m") as folder:
        run, (unfinished, whole) = sealed(folder), begun(folder)
        (folder / ".import-x").mkdir()
        os.utime(folder / ".import-x", (1, 1))
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        assert verify(run, case_rows).problems == ()
        write_bundle([run], tmp_path / "b")
        for attempt in (
            lambda: unfinished.seal(whole, case_rows(whole)),
            lambda: unfinished.log("more"),
            lambda: sweep(ResultsFolder(folder), dry_run=False),
            lambda: import_bundle(tmp_path / "b", ResultsFolder(folder)),
        ):
            with pytest.raises(StoreError, match=r"(?s)Read-only file system.*--output DIR"):
                attempt()
        assert unfinished.load().status == "running"


def test_two_runs_that_end_in_the_same_second_are_two(tmp_path):
    one, other = begun(tmp_path), begun(tmp_path)
    children = []
    for run, whole in (one, other):
        if (child := os.fork()) == 0:
            try:
                run.seal(whole, case_rows(whole))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    digests = {manifest_digest(run.path) for run in ResultsFolder(tmp_path).runs()}
    assert len(digests) == 2
    assert verify_runs((), "", tmp_path) == 0


def test_a_disk_that_is_full_is_no_fault_of_the_bundle(tmp_path):
    write_bundle([sealed(tmp_path / "there")], tmp_path / "b.tar.gz")
    with disk(tmp_path / "small", "1m") as folder:
        fill(folder, 4096)
        with pytest.raises(StoreError, match=r"(?s)No space left on device.*with room") as caught:
            import_bundle(tmp_path / "b.tar.gz", ResultsFolder(folder))
        assert "cannot be read as a bundle" not in str(caught.value)
        assert [path.name for path in folder.iterdir()] == ["filler"]
