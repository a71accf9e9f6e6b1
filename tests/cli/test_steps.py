"""`xbench prune` and `xbench export`: files whole or not at all, over no other file, each variant for itself."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import pytest

torch = pytest.importorskip("torch", reason="pruning and export need torch")

from safetensors.torch import load_file  # noqa: E402

from xbench.cli.view import QuietView  # noqa: E402
from xbench.errors import InputError, StoreError  # noqa: E402
from xbench.onnxfile.digests import digests  # noqa: E402
from xbench.onnxfile.relocating import renamed  # noqa: E402
from xbench.progress import Journey  # noqa: E402
from xbench.road.steps import StepOptions, walk  # noqa: E402
from xbench.sources.saving import save_weights  # noqa: E402
from xbench.store.placing import file_stem, put, workplace  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402

from .conftest import COMMAND, Shell, assert_clear_error  # noqa: E402
from .models import mlp, save_outside  # noqa: E402
from .test_storing import tmpfs  # noqa: E402

NET = """
import time, torch
def make():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 4)
    )
    return net
def sleep(module):
    time.sleep(600)
"""
HEAD = "schema: xbench.suite/1\nname: s\nmodel:\n  factory: net:make\n  inputs:\n    input: {shape: [batch, 16]}\n"
SUITE = (
    HEAD + "variants:\n  - {name: dense, baseline: true}\n"
    "  - {name: half, prune: {method: magnitude, sparsity: 0.5}}\n"
    "  - {name: lost, prune: {method: magnitude, sparsity: 0.5, include: [nosuch]}}\n"
    '  - {name: "../2:4", prune: {method: "n:m"}}\n'
)


def write(folder: Path, suite: str = SUITE) -> Shell:
    (folder / "net.py").write_text(NET)
    (folder / "s.yaml").write_text(suite)
    return Shell(folder)


def walked(step: str, folder: Path, output: str | Path, *variants: str, force: bool = False):
    """The rows of a step in this very process, which has torch already."""
    options = StepOptions(folder / output, variants, trusted=True, force=force)
    return walk(step, load_suite(folder / "s.yaml"), options, Journey(QuietView())).rows


def rows(file: Path) -> dict[str, dict]:
    return {row["variant"]: row for row in json.loads(file.read_text())["rows"]}


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    xbench = write(tmp_path_factory.mktemp("exported"))
    return xbench, xbench("export", "s.yaml", "--trust", "--output", "out", "--json", "e.json")


def test_each_variant_is_exported_and_one_that_fails_costs_itself_alone(exported):
    xbench, ended = exported
    assert ended.code == 2, ended
    made = sorted(path.name for path in (xbench.folder / "out").iterdir())
    stems = ("%2E.%2F2:4", "dense", "half")
    assert made == sorted(f"{stem}{ending}" for stem in stems for ending in (".onnx", ".xbench.json"))
    found = rows(xbench.folder / "e.json")
    assert "'nosuch' matches no layer" in found["lost"]["failure"]
    assert "'nosuch' matches no layer" in ended.out
    half = found["half"]
    assert half["zero_share"] == pytest.approx(0.5, abs=0.01)
    assert half["parity_max_rel"] < 1e-4
    assert half["macs"] == found["dense"]["macs"] == 16 * 64 + 64 * 64 + 64 * 4
    assert half["sha256"] == sha256(xbench.folder / "out/half.onnx")
    assert half["prune_seconds"] >= 0
    assert half["export_seconds"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--trust", "--variant", "haf"), ("no variant called 'haf'", "did you mean 'half'?")),
        ((), ("'net:make' is code", "--trust")),
        (("--trust", "--variant", "finished"), ("finished cannot be pruned", "ONNX file")),
    ],
    ids=["unknown", "not trusted", "finished"],
)
def test_what_cannot_be_done_is_said_before_anything_is_made(tmp_path, options, words):
    xbench = write(tmp_path, SUITE + "  - {name: finished, onnx: m.onnx}\n")
    assert_clear_error(xbench("prune", "s.yaml", "--output", "out", *options), 2, *words)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_is_left_unless_force_is_said_and_then_it_is_the_same_again(exported):
    xbench, _ = exported
    before = sha256(xbench.folder / "out/half.onnx")
    again = ("export", "s.yaml", "--variant", "half", "--trust", "--output", "out")
    assert_clear_error(xbench(*again), 2, "half.onnx", "--force")
    (row,) = walked("export", xbench.folder, "out", "half", force=True)
    assert not row.failure
    assert sha256(xbench.folder / "out/half.onnx") == before == row.sha256, "equal input, equal bytes"
    assert not list((xbench.folder / "out").glob(".*"))


def test_pruned_weights_are_a_checkpoint_again(tmp_path):
    write(tmp_path)
    (row,) = walked("prune", tmp_path, "out", "half")
    weights = load_file(tmp_path / "out/half.safetensors")
    zeros = {name: int((tensor == 0).sum()) for name, tensor in weights.items() if name.endswith("weight")}
    assert zeros == {"0.weight": 512, "2.weight": 2048, "4.weight": 128}
    beside = json.loads((tmp_path / "out/half.safetensors.json").read_text())
    assert beside["sha256"] == row.sha256 == sha256(tmp_path / "out/half.safetensors")
    assert json.loads(beside["provenance"]["recipe"])["sparsity"] == 0.5
    lines = "  - {name: back, checkpoint: out/half.safetensors}\n"
    write(tmp_path, HEAD + "variants:\n  - {name: dense, baseline: true}\n" + lines)
    (row,) = walked("prune", tmp_path, "again", "back")
    assert not row.failure
    assert load_file(tmp_path / "again/back.safetensors").keys() == weights.keys()
    for name, tensor in load_file(tmp_path / "again/back.safetensors").items():
        assert torch.equal(tensor, weights[name])


def test_weights_that_are_shared_are_written_out_each_and_bytes_are_equal(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    net[1].weight = net[0].weight
    for name in ("a", "b"):
        save_weights(net, tmp_path / name)
    state = load_file(tmp_path / "a")
    assert state.keys() == net.state_dict().keys()
    assert torch.equal(state["0.weight"], state["1.weight"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("step", ["prune", "export"])
def test_a_full_disk_leaves_no_file_under_a_name(tmp_path, step):
    write(tmp_path)
    with tmpfs(tmp_path / "full", "size=16k") as folder:
        with pytest.raises(StoreError, match=r"(?s)No space left on device.*--output DIR"):
            walked(step, tmp_path, folder, "half")
        assert not list(folder.iterdir())


def test_an_interrupt_keeps_what_was_finished_and_nothing_else(tmp_path):
    write(tmp_path, SUITE + "  - {name: slow, finetune: net:sleep}\n")
    command = [*COMMAND, "prune", "s.yaml", "--trust", "--output", "out", "--variant", "dense", "--variant", "slow"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "out/dense.safetensors").is_file():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=15)
    finally:
        child.kill()
    assert child.returncode == 130
    assert b"Interrupted" in err
    assert b"Traceback" not in err
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["dense.safetensors", "dense.safetensors.json"]


def test_of_two_at_once_one_has_the_name(tmp_path):
    def one(number):
        with workplace(tmp_path) as place:
            files = [place / "a.json", place / "a.onnx"]
            for file in files:
                file.write_text(str(number))
            try:
                put(files, tmp_path, force=False)
            except InputError as error:
                return error.remedy
        return None

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(one, range(32)))
    assert ended.count(None) == 1
    assert all("--force" in remedy for remedy in ended if remedy)
    winner = str(ended.index(None))
    assert {path.read_text() for path in tmp_path.iterdir()} == {winner}


def test_names_of_variants_never_leave_the_folder_nor_meet():
    names = ["..", ".", "a/b", "a%2Fb", "/etc/passwd", "2:4", "dense [fp16]", "\ud800"]
    stems = [file_stem(name) for name in names]
    assert len(set(stems)) == len(names)
    assert not [stem for stem in stems if "/" in stem or stem.startswith(".")]
    assert file_stem("2:4") == "2:4"


def test_external_data_go_along_under_the_new_name(tmp_path):
    path = save_outside(mlp(), tmp_path / "m.onnx")
    before = digests(path)[1]
    files = renamed(path, "new.onnx")
    assert [file.name for file in files] == ["new.onnx.data", "new.onnx"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.onnx", "new.onnx.data"]
    onnx.checker.check_model(files[1])
    assert digests(files[1])[1] == before
