"""`xbench results show`, `diff` and `history` on folders of recorded runs, good ones and bad ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from index_kit import edit, hand_record, put
from records_by_hand import device, variant

from xbench.cli.diff_shown import show_diff
from xbench.cli.history_shown import show_history
from xbench.cli.run_shown import show_run
from xbench.errors import InputError, StoreError
from xbench.records.comparison import GateVerdict, Sample
from xbench.records.policy import Waiver
from xbench.records.run_record import Look

OLD = Path(__file__).resolve().parents[1] / "store" / "schema_1" / "20261122T093418Z-minilm-2e210f"
EVIL = "<b>\x1b[31m|`x`\u202e"


def test_show_tells_of_the_run_and_of_its_proof(tmp_path, capsys):
    sample = Sample(files=("samples/g00-set000.npz",), sha256="5" * 64, count=6, units="process sets")
    waiver = Waiver(gate="min_speedup", hardware="cpu", reason="known", who="M", until="2026-12-31")
    verdict = GateVerdict(
        variant="pruned",
        hardware="cpu",
        workload="w",
        gate="min_speedup",
        bound=2.5,
        outcome="fail",
        reason="1.93x is below 2.5x",
        samples=(sample,),
        waiver=waiver,
    )
    run = hand_record(outcome="fail", verdicts=(verdict,), policy_sha256="7" * 64, decided_on="2026-11-23")
    looked = run.groups[0].model_copy(
        update={"looks": (Look(variants=("pruned",), budget_seconds=9.0, precision=0.01, first_set=6, sets=12),)}
    )
    put(tmp_path, run.model_copy(update={"groups": (looked,)}))
    show_run("last", tmp_path, None)
    told = capsys.readouterr().out
    assert f"{run.id}: complete, gates: fail" in told
    for word in (run.suite_sha256, "7" * 64, run.fingerprint.sha256, "2026-11-23", "1.93x is below 2.5x", "12"):
        assert word in told
    assert "decided on 6 process sets: samples/g00-set000.npz, sha256 " + "5" * 64 in told
    assert "waived until 2026-12-31 by M: known" in told


def test_show_says_where_a_file_is_not_the_one_that_was_sealed(tmp_path, capsys):
    folder = put(tmp_path, hand_record())
    show_run("last", tmp_path, "-")
    good = json.loads(capsys.readouterr().out)
    assert (good["schema"], good["proof"]["sealed"], len(good["proof"]["manifest_sha256"])) == (
        "xbench.run-facts/1",
        True,
        64,
    )
    (folder.path / "cases.json").write_text("[]")
    show_run("last", tmp_path, None)
    told = capsys.readouterr().out
    assert "NOT AS IT WAS RECORDED" in told
    assert "PROBLEM" in told
    assert "cases.json" in told


def test_a_record_of_the_first_schema_is_shown_and_compared(tmp_path, capsys):
    shutil.copytree(OLD, tmp_path / OLD.name)
    put(tmp_path, hand_record())
    show_run(OLD.name, tmp_path, None)
    assert "not sealed" in capsys.readouterr().out
    show_diff(OLD.name, hand_record().id, tmp_path, None)
    told = capsys.readouterr().out
    assert "The speedups" in told or "No case is in both runs" in told
    show_history(tmp_path, {}, None)
    assert "minilm" in capsys.readouterr().out


def test_names_with_markup_are_made_visible(tmp_path, capsys):
    for number in (0, 1):
        run = hand_record(number, names=(EVIL,), named=EVIL, devices=(device(),))
        put(tmp_path, run.model_copy(update={"variants": (variant("dense", baseline=True), variant(EVIL))}))
    first, second = (hand_record(number, named=EVIL).id for number in (0, 1))
    show_run(first, tmp_path, None)
    show_diff(first, second, tmp_path, None)
    show_history(tmp_path, {}, None)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\\x1b[31m" in told


def test_diff_as_data_and_in_words(tmp_path, capsys):
    for number, speedup in ((0, 2.0), (1, 3.0)):
        put(tmp_path, hand_record(number, speedup=speedup))
    names = [hand_record(number).id for number in (0, 1)]
    show_diff(*names, tmp_path, str(tmp_path / "diff.json"))
    told = capsys.readouterr().out
    assert "they differ" in told
    assert "historical" in told
    data = json.loads((tmp_path / "diff.json").read_text())
    assert (data["schema"], data["speeds"][0]["differ"]) == ("xbench.run-diff/1", True)
    show_diff(names[0], names[0], tmp_path, None)
    assert "against itself" in capsys.readouterr().out


def test_history_by_the_filters_of_a_list(tmp_path, capsys):
    for number in range(8):
        put(tmp_path, hand_record(number * 24, names=("pruned", "other"), speedup=2.0 + number))
    show_history(tmp_path, {"variant": ["pru*"], "since": "2026-01-02"}, "-")
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "xbench.history/1"
    (case,) = data["cases"]
    assert (case["variant"], case["runs"]) == ("pruned", 7)
    speedup = next(one for one in case["quantities"] if one["quantity"] == "speedup")
    assert speedup["creep"]["per_week"]["point"] > 1
    show_history(tmp_path, {"variant": ["pruned"]}, None)
    told = capsys.readouterr().out
    assert "creeps by" in told
    assert "series were tested together" in told
    show_history(tmp_path, {"variant": ["nobody"]}, None)
    assert "No complete run" in capsys.readouterr().out


def test_runs_that_cannot_be_read_or_go_on_are_left_out_of_a_history(tmp_path, capsys):
    put(tmp_path, hand_record(0))
    put(tmp_path, hand_record(1, status="running"), sealed=False)
    broken = put(tmp_path, hand_record(2), sealed=False)
    edit(broken, lambda data: data.update(schema="xbench.run/99"))
    show_history(tmp_path, {}, "-")
    data = json.loads(capsys.readouterr().out)
    assert {case["runs"] for case in data["cases"]} == {1}


def test_what_is_not_there_is_refused(tmp_path):
    put(tmp_path, hand_record())
    with pytest.raises(StoreError, match="no run"):
        show_run("20990101", tmp_path, None)
    with pytest.raises(StoreError, match="no run"):
        show_diff("last", "nothing", tmp_path, None)
    with pytest.raises(InputError, match="date"):
        show_history(tmp_path, {"since": "yesterday"}, None)
    with pytest.raises(StoreError, match="--json"):
        show_history(tmp_path, {}, str(tmp_path / "missing" / "a.json"))


def test_the_commands_by_name(tmp_path):
    put(tmp_path, hand_record())
    for words in (["show"], ["diff", "last", "last"], ["history"]):
        done = subprocess.run(
            [sys.executable, "-m", "xbench", "results", *words, "--output", tmp_path],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "hand" in done.stdout
