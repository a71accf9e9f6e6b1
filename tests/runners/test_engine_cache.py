"""Engines on disk: which build a session gets, what proves a hit, and what is left of a build that was killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xbench.errors import StoreError
from xbench.runners.engine_cache import EngineCache, engine_key, engines_folder


def builds_where_absent(seconds=0.0, content=b"engine"):
    """A provider: it writes an engine where there is none, and else leaves it alone."""

    def make(folder: Path) -> str:
        engine = folder / "subgraph_fp16_sm90.engine"
        if engine.is_file():
            return "loaded"
        time.sleep(seconds)
        engine.write_bytes(content)
        return "built"

    return make


def use(cache, make, number=None):
    with cache.slot(number) as slot:
        made, told = slot.create(make)
        return slot.number, made, told


def test_sessions_take_turns_over_the_builds_and_then_find_them_all(tmp_path):
    cache, make = EngineCache("key", 3, tmp_path), builds_where_absent()
    found = [use(cache, make) for _ in range(7)]
    assert [number for number, _, _ in found] == [0, 1, 2, 0, 1, 2, 0]
    assert [made for _, made, _ in found] == ["built"] * 3 + ["loaded"] * 4
    assert [told.kind for _, _, told in found] == ["built"] * 3 + ["hit"] * 4
    assert re.match(r"build 3 of 3: built in [\d.]+ s, the others took [\d.]+ and [\d.]+ s$", found[2][2].proof)
    assert "unchanged" in found[3][2].proof
    assert "build 1 of 3" in found[3][2].proof


def test_the_same_build_can_be_asked_for_again(tmp_path):
    cache, make = EngineCache("key", 3, tmp_path), builds_where_absent()
    number, _, _ = use(cache, make)
    again, made, told = use(cache, make, number)
    assert (again, made, told.kind) == (number, "loaded", "hit")


def test_an_engine_that_the_provider_built_anew_is_no_hit(tmp_path):
    cache = EngineCache("key", 1, tmp_path)
    use(cache, builds_where_absent())

    def rebuilds(folder):
        (folder / "subgraph_fp16_sm90.engine").write_bytes(b"another")

    assert use(cache, rebuilds)[2].kind == "stale"
    assert use(cache, builds_where_absent())[2].kind == "hit", "the new one is what is there now"


def test_an_engine_that_somebody_changed_is_built_anew(tmp_path):
    cache, make = EngineCache("key", 1, tmp_path), builds_where_absent()
    use(cache, make)
    (tmp_path / "key/build-0/subgraph_fp16_sm90.engine").write_bytes(b"half")
    _, made, told = use(cache, make)
    assert (made, told.kind) == ("built", "stale")


def test_a_note_that_cannot_be_read_counts_as_none(tmp_path):
    cache, make = EngineCache("key", 1, tmp_path), builds_where_absent()
    use(cache, make)
    (tmp_path / "key/build-0.json").write_text("{")
    assert use(cache, make)[1] == "built"


def test_a_build_that_fails_leaves_nothing_that_is_taken_for_an_engine(tmp_path):
    cache = EngineCache("key", 1, tmp_path)

    def fails(folder):
        (folder / "half.engine").write_bytes(b"half")
        raise RuntimeError("no tactic")

    with pytest.raises(RuntimeError, match="no tactic"):
        use(cache, fails)
    _, made, told = use(cache, builds_where_absent())
    assert (made, told.kind) == ("built", "built")
    assert not (tmp_path / "key/build-0/half.engine").exists()


KILLED = """
import sys, time
from pathlib import Path
from xbench.runners.engine_cache import EngineCache

def make(folder):
    (folder / "subgraph_fp16_sm90.engine").write_bytes(b"half")
    print("building", flush=True)
    time.sleep(60)

with EngineCache("key", int(sys.argv[2]), Path(sys.argv[1])).slot() as slot:
    slot.create(make)
"""


def builder(folder, builds):
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(builds)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "building\n"
    return child


def test_a_process_killed_in_the_middle_of_a_build_leaves_no_half_engine(tmp_path):
    child = builder(tmp_path, 1)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert (tmp_path / "key/build-0/subgraph_fp16_sm90.engine").read_bytes() == b"half"
    _, made, told = use(EngineCache("key", 1, tmp_path), builds_where_absent())
    assert (made, told.kind) == ("built", "built")
    assert (tmp_path / "key/build-0/subgraph_fp16_sm90.engine").read_bytes() == b"engine"


def test_while_one_process_builds_another_takes_another_build(tmp_path):
    child = builder(tmp_path, 3)
    try:
        assert use(EngineCache("key", 3, tmp_path), builds_where_absent())[0] == 1
    finally:
        child.kill()
        child.communicate()


def test_two_processes_that_want_the_only_build_wait_for_each_other(tmp_path):
    child = builder(tmp_path, 1)
    wants = "from pathlib import Path; import sys; from xbench.runners.engine_cache import EngineCache\n"
    wants += "with EngineCache('key', 1, Path(sys.argv[1])).slot() as slot: print('mine')"
    other = subprocess.Popen([sys.executable, "-c", wants, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(timeout=1.0)
    child.kill()
    child.communicate()
    assert other.communicate(timeout=30)[0] == "mine\n"


def test_no_engine_is_no_cache_use(tmp_path):
    told = use(EngineCache("key", 1, tmp_path), lambda folder: None)[2]
    assert told.kind == "none"
    assert "no engine was written" in told.proof


def test_the_note_tells_seconds_and_files(tmp_path):
    use(EngineCache("key", 1, tmp_path), builds_where_absent(seconds=0.02))
    note = json.loads((tmp_path / "key/build-0.json").read_text())
    assert note["schema"] == "xbench.engine/1"
    assert note["seconds"] >= 0.02
    assert list(note["engines"]) == ["subgraph_fp16_sm90.engine"]


def test_any_part_of_the_key_makes_another_entry():
    parts = {"model": "a", "options": {"trt_fp16_enable": True}, "versions": {"tensorrt": "10.13"}}
    others = [parts | {"model": "b"}, parts | {"options": {}}, parts | {"versions": {"tensorrt": "10.14"}}]
    assert len({engine_key(one) for one in (parts, *others)}) == 4
    assert engine_key(dict(reversed(parts.items()))) == engine_key(parts)


def test_the_folder_follows_the_specification(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert engines_folder() == Path("/somewhere/xbench/engines")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert engines_folder() == Path.home() / ".cache/xbench/engines"


def test_a_folder_that_cannot_be_written_is_told_with_the_variable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="XDG_CACHE_HOME"), EngineCache("key", 1, tmp_path / "file").slot():
        pass
