"""`xbench report RUN --exemplars FILE`: all examples that are lost, in a file that a spreadsheet does not obey."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from records_by_hand import baseline_quality, record, suite, variant, whole_quality
from typer.testing import CliRunner

from xbench.cli.exemplars import export_exemplars
from xbench.cli.main import app
from xbench.errors import InputError
from xbench.machine.fingerprint import fingerprint
from xbench.records.quality import ExampleFacts, ExampleScores, Exemplar
from xbench.report.exemplars import as_csv, as_jsonl
from xbench.store.folder import ResultsFolder

COUNT = 60
IDS = np.asarray(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", 'a,"b"\nc', *(f"img-{i}" for i in range(6, COUNT))])


def scores(name, answers, right=True):
    correct = answers == np.arange(COUNT) % 3
    return ExampleScores(
        name,
        "cpu",
        "d",
        {"accuracy": correct.astype(float)},
        answers=answers if right else None,
        right=correct if right else None,
        confidence=np.full(COUNT, 0.5),
    )


def kept(tmp_path, right=True, examples=True):
    """A run of `dense`, always right, and `pruned`, which says 2 throughout and so loses 40 of 60."""
    folder = ResultsFolder(tmp_path).new_run("hand")
    states = (variant("dense", baseline=True), variant("pruned"))
    folder.save(
        record(
            id=folder.id,
            fingerprint=fingerprint(),
            variants=states,
            suite=suite("pruned").model_dump(mode="json", by_alias=True),
            quality=(baseline_quality(), whole_quality(exemplar_count=40)),
        )
    )
    answers = (np.arange(COUNT) % 3, np.full(COUNT, 2))
    for number, (name, one) in enumerate(zip(("dense", "pruned"), answers, strict=True)):
        folder.save_scores(number, 0, scores(name, one, right))
    if examples:
        slices = {"early": np.arange(COUNT) < 30, "all": np.ones(COUNT, bool)}
        facts = ExampleFacts(IDS, (np.arange(COUNT) % 3).astype(np.int64), ("zero", "=one", "two"), slices)
        folder.save_examples(facts)
    return folder.id


def test_all_of_them_as_csv_with_cells_that_are_no_formulas(tmp_path, capsys):
    export_exemplars(kept(tmp_path), tmp_path, tmp_path / "lost.csv", force=False)
    assert capsys.readouterr().out == f"40 examples, lost by pruned: {tmp_path / 'lost.csv'}\n"
    with (tmp_path / "lost.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert [int(row["index"]) for row in rows] == [i for i in range(COUNT) if i % 3 != 2]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert rows[0]["id"] == "'=1+1"
    assert (rows[1]["label"], rows[1]["slices"], rows[1]["hardware"]) == ("'=one", "early; all", "cpu")
    assert rows[-1]["confidence"] == "0.5"


def test_no_terminal_obeys_an_id():
    lost = [("cpu", "v", Exemplar(index=0, id="\x1b[31mred\x07", label="\tb", dense="a", answer="b"))]
    row = next(csv.DictReader(as_csv(lost).splitlines()))
    assert (row["id"], row["label"]) == (r"\x1b[31mred\x07", r"'\x09b")
    assert json.loads(as_jsonl(lost))["id"] == "\x1b[31mred\x07"


def test_jsonl_holds_them_as_they_are(tmp_path):
    export_exemplars(kept(tmp_path), tmp_path, tmp_path / "lost.jsonl", force=False)
    rows = [json.loads(line) for line in (tmp_path / "lost.jsonl").read_text().splitlines()]
    assert len(rows) == 40
    assert rows[0]["id"] == "=1+1"
    assert rows[0]["slices"] == ["early", "all"]
    assert rows[0]["lost_by"] == 1


def test_a_file_that_is_there_is_replaced_only_with_force(tmp_path):
    run, target = kept(tmp_path), tmp_path / "lost.csv"
    target.write_text("mine")
    with pytest.raises(InputError, match="there already"):
        export_exemplars(run, tmp_path, target, force=False)
    assert target.read_text() == "mine"
    export_exemplars(run, tmp_path, target, force=True)
    assert target.read_text() != "mine"


def test_the_command_writes_the_file_and_no_tables(tmp_path):
    target = tmp_path / "lost.jsonl"
    asked = ["report", kept(tmp_path), "--exemplars", str(target), "--output", str(tmp_path)]
    result = CliRunner().invoke(app, asked)
    assert (result.exit_code, result.output) == (0, f"40 examples, lost by pruned: {target}\n")
    assert len(target.read_text().splitlines()) == 40


@pytest.mark.parametrize(
    ("file", "how", "why"),
    [
        ("lost.txt", {}, "no known ending"),
        ("no/lost.csv", {}, "its folder does not exist"),
        ("lost.csv", {"examples": False}, "holds no examples"),
        ("lost.csv", {"right": False}, "no answers that are right or wrong"),
    ],
)
def test_what_cannot_be_written_says_why(tmp_path, file, how, why):
    run = kept(tmp_path, **how)
    with pytest.raises(InputError, match=why):
        export_exemplars(run, tmp_path, tmp_path / file, force=False)
    assert not (tmp_path / file).exists()
