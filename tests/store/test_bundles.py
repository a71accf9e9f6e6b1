"""Runs travel in one file, and nothing of it is believed before its digest was checked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from xbench.errors import InputError, StoreError
from xbench.store.bundles import MANIFEST, write_bundle
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.store.unpacking import import_bundle

KEPT = next((Path(__file__).parent / "schema_1").iterdir())
RUN = KEPT.name


@pytest.fixture
def run(tmp_path) -> RunFolder:
    shutil.copytree(KEPT, tmp_path / "there" / RUN)
    return RunFolder(tmp_path / "there" / RUN)


@pytest.fixture
def here(tmp_path) -> ResultsFolder:
    return ResultsFolder(tmp_path / "here")


@pytest.fixture
def bundle(run, tmp_path) -> Path:
    write_bundle([run], tmp_path / "b.tar.gz")
    return tmp_path / "b.tar.gz"


def digests(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def xbench(*arguments, cwd):
    command = [sys.executable, "-m", "xbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd)


def test_a_run_comes_over_whole_as_a_user_carries_it(run, tmp_path):
    out = xbench("results", "export", RUN, "--to", "b.tar.gz", "--output", "there", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    taken = xbench("results", "import", "b.tar.gz", "--output", "here", cwd=tmp_path)
    assert (taken.returncode, taken.stdout) == (0, f"{RUN}: imported\n")
    assert digests(tmp_path / "here" / RUN) == digests(KEPT)
    assert xbench("report", RUN, "--output", "here", "--format", "markdown", cwd=tmp_path).returncode == 0
    again = xbench("results", "import", "b.tar.gz", "--output", "here", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, f"{RUN}: there already, the same\n")
    assert xbench("results", "export", RUN, "--to", "b.tar.gz", "--output", "there", cwd=tmp_path).returncode == 2


def test_the_same_runs_give_the_same_bytes(run, tmp_path):
    for name in ("a", "b"):
        write_bundle([run], tmp_path / name)
        os.utime(run.path / "run.json", (1, 1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with pytest.raises(InputError, match="each run once"):
        write_bundle([run, run], tmp_path / "c")


def repacked(bundle, change, *, relist=True):
    """The bundle with other members: `change` gets {name: content} and may return members to add as they are."""
    with tarfile.open(bundle) as archive:
        contents = {member.name: archive.extractfile(member).read() for member in archive}
    manifest = json.loads(contents.pop(MANIFEST))
    extra = change(contents, manifest) or []
    if relist:
        manifest["files"] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        }
    with tarfile.open(bundle, "w:gz") as archive:
        for name, content in {MANIFEST: json.dumps(manifest).encode(), **contents}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


RECORD = f"{RUN}/run.json"
HOSTILE = {
    "a path that leads out": (
        lambda files, _: files.update({f"{RUN}/../../evil": b"x"}),
        True,
        "a run does not have",
    ),
    "an absolute path": (lambda files, _: files.update({"/evil": b"x"}), True, "a run does not have"),
    "a hidden file": (lambda files, _: files.update({f"{RUN}/.lock": b""}), True, "a run does not have"),
    "no run's name": (lambda files, _: files.update({"artifacts/a.onnx": b"x"}), True, "a run does not have"),
    "a link": (lambda *_: [link(f"{RUN}/samples/x", "/etc/passwd")], True, "not what its manifest lists"),
    "a member twice": (lambda *_: [tarfile.TarInfo(RECORD)], True, "not what its manifest lists"),
    "an edited record": (
        lambda files, _: files.update({RECORD: files[RECORD].replace(b'"faster"', b'"slower"')}),
        False,
        "another digest",
    ),
    "a record of another run": (
        lambda files, _: files.update({RECORD: files[RECORD].replace(RUN.encode(), RUN.encode()[:-1] + b"x")}),
        True,
        "under the name of another run",
    ),
    "a record of a newer schema": (
        lambda files, _: files.update({RECORD: files[RECORD].replace(b"xbench.run/1", b"xbench.run/99")}),
        True,
        "xbench.run/99",
    ),
    "a listed file that is not there": (
        lambda _, manifest: manifest["files"].update({f"{RUN}/more": {"bytes": 0, "sha256": "0" * 64}}),
        False,
        "lacks",
    ),
    "a bomb": (
        lambda _, manifest: manifest["files"].update({f"{RUN}/more": {"bytes": 2**60, "sha256": "0" * 64}}),
        False,
        "manifest",
    ),
    "a newer bundle": (lambda _, manifest: manifest.update({"schema": "xbench.bundle/2"}), True, "xbench.bundle/2"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_bundle_that_is_not_what_it_says_leaves_nothing(bundle, here, what, tmp_path):
    change, relist, words = HOSTILE[what]
    before = set(tmp_path.rglob("*"))
    repacked(bundle, change, relist=relist)
    with pytest.raises(StoreError, match=words):
        import_bundle(bundle, here)
    assert set(tmp_path.rglob("*")) - before == {here.path}
    assert not list(here.path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00", b"PK\x03\x04 a zip", None])
def test_what_is_no_bundle_is_refused(bundle, here, content):
    bundle.write_bytes(bundle.read_bytes()[:-2000] if content is None else content)
    with pytest.raises(StoreError):
        import_bundle(bundle, here)
    with pytest.raises(StoreError):
        import_bundle(bundle.with_name("none.tar.gz"), here)
    assert not list(here.path.glob("*"))


def test_a_run_of_that_name_with_other_content_is_not_overwritten(bundle, here):
    import_bundle(bundle, here)
    (here.path / RUN / "run.json").write_text("mine")
    with pytest.raises(StoreError, match="with other content"):
        import_bundle(bundle, here)
    assert (here.path / RUN / "run.json").read_text() == "mine"


def test_a_run_that_is_being_worked_on_is_not_carried_away(run, tmp_path):
    with run.locked(), pytest.raises(StoreError, match="being worked on"):
        write_bundle([run], tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_bundle_that_is_not_there_leaves_no_folder(here, tmp_path):
    with pytest.raises(StoreError, match=r"There is no file .*none\.tar\.gz"):
        import_bundle(tmp_path / "none.tar.gz", here)
    assert not here.path.exists()
