"""PyTorch as a device: real programs in real workers, and what must never be loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from stand_ins import no_calibration

torch = pytest.importorskip("torch", reason="the runner runs PyTorch modules")

from torch import nn  # noqa: E402

from xbench.artifacts.modules import module_path  # noqa: E402
from xbench.errors import InputError, InvalidError, WorkerError  # noqa: E402
from xbench.measure.exchange import write_inputs  # noqa: E402
from xbench.measure.inspection import check_placement, loaded  # noqa: E402
from xbench.measure.process import WorkerProcess  # noqa: E402
from xbench.prepare.dense import DenseModel  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.records.profile import HardwareProfile  # noqa: E402
from xbench.runners import torch_cache  # noqa: E402
from xbench.runners.torch_gpu import waited_for  # noqa: E402
from xbench.runners.torch_module import TorchRunner  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

LIMIT = 120.0
WIDE = 512


def profile(**changes):
    options = changes.pop("options", {})
    fields = {"schema": "xbench.profile/1", "name": "t", "title": "torch", "runner": "torch", "evidence": "-"}
    return HardwareProfile.model_validate({**fields, "threads": 2, "options": options, **changes})


EAGER = profile()
COMPILED = profile(options={"compiled": True})


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = nn.Linear(WIDE, WIDE), nn.Linear(WIDE, 4)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = torch.relu(self.hidden(x))
        return {"first": self.out(hidden), "second": hidden.sum(-1)}


def feeds(rows, seed=0):
    return {"x": np.random.default_rng(seed).standard_normal((rows, WIDE)).astype(np.float32)}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    example = {"x": torch.from_numpy(feeds(2)["x"])}
    dense = DenseModel(Net().eval(), example, {"x": {0: "batch"}}, "dynamo", None, "test", "0" * 64)
    workshop = Workshop(
        dense,
        dense.example_feeds(),
        folder,
        reference_profile(),
        LIMIT,
        folder,
        False,
        no_calibration,
        keep_modules=True,
    )
    return make_variant(VariantSpec(name="dense", baseline=True), workshop)[0]


def expected(fed):
    with torch.no_grad():
        return {name: tensor.numpy() for name, tensor in Net().eval()(torch.from_numpy(fed["x"])).items()}


def test_eager_gives_what_the_module_gives_by_the_names_of_the_onnx_file(artifact):
    with loaded(module_path(artifact), "dense", EAGER, LIMIT) as model:
        for rows in (1, 3, 8):
            (found,) = model.infer([feeds(rows)])
            wanted = expected(feeds(rows))
            assert list(found) == ["first", "second"] == [spec.name for spec in artifact.signature.outputs]
            for name in wanted:
                np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-5)
        report = model.profile(feeds(64), optimised=True)
        placed = check_placement(model.placement, report.provider_ns, EAGER)
    assert placed.time_share == {"PyTorch eager": 1.0}
    assert {"aten::addmm", "aten::relu", "aten::sum"} <= {time.operator for time in report.operators}
    assert [time.nodes for time in report.operators if time.operator == "aten::addmm"] == [2]


def test_compiling_is_in_the_first_inference_and_a_second_process_is_shown_to_find_it(artifact):
    fed = [feeds(8, seed) for seed in range(2)]

    def came_up():
        with loaded(module_path(artifact), "dense", COMPILED, LIMIT) as model:
            model.come_up(fed, 0.1)
            (found,) = model.infer(fed[:1])
            np.testing.assert_allclose(found["first"], expected(fed[0])["first"], rtol=1e-4, atol=1e-4)
            assert any(time.operator == "fused kernels" for time in model.profile(fed[0], optimised=True).operators)
            return model.cold_start()

    first, second = came_up(), came_up()
    assert (first.cache.kind, second.cache.kind) == ("built", "hit")
    assert "1 compiled, 0 found" in first.cache.proof
    assert first.second_cache.kind == "none", "no inference was made in the second session"
    assert first.first_inference_ms > first.second_session_creation_ms


def test_compiling_again_while_calls_are_timed_ends_the_worker(artifact, tmp_path):
    """A block with a second of compiling in it is not a time of the model."""
    write_inputs(tmp_path / "inputs.npz", [feeds(8), feeds(9)])
    with WorkerProcess(module_path(artifact), "dense", COMPILED, LIMIT) as process:
        process.request("read_inputs", inputs=str(tmp_path / "inputs.npz"))
        process.request("load")
        process.request("bind")
        with pytest.raises(WorkerError, match=r"died during `warm_up`[\s\S]*[Rr]ecompil"):
            process.request("warm_up", seconds=0.0, calls=2)


def test_threads_that_wait_do_not_spin(artifact, tmp_path):
    """By default, OpenMP's threads would spin for some milliseconds after each call: here for a fifth of the time."""
    write_inputs(tmp_path / "inputs.npz", [feeds(256)])
    pauses, pause = 40, 0.02
    with WorkerProcess(module_path(artifact), "dense", EAGER, LIMIT) as process:
        process.request("read_inputs", inputs=str(tmp_path / "inputs.npz"))
        process.request("load")
        process.request("bind")
        process.request("warm_up", seconds=0.2, calls=2)
        (worker,) = (c for c in psutil.Process().children() if "xbench.measure.worker" in c.cmdline())
        before, busy = sum(worker.cpu_times()[:2]), 0.0
        for _ in range(pauses):
            busy += process.request("block", queries=2, first=0, calls_per_query=1)["cpu_ns"] / 1e9
            time.sleep(pause)
        waiting = sum(worker.cpu_times()[:2]) - before - busy
    assert busy > 0
    assert waiting <= 0.1 * pauses * pause, (waiting, busy)


def poisoned(source: Path, target: Path, marker: Path) -> None:
    """A program like the first, whose example inputs are a pickle that creates a file when it is loaded."""

    class Payload:
        def __reduce__(self):
            return Path.touch, (marker,)

    torch.save((Payload(), {}), target.with_suffix(".pt"))
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            planted = "sample_inputs" in item.filename
            new.writestr(item, target.with_suffix(".pt").read_bytes() if planted else old.read(item))


def test_a_program_that_was_changed_is_refused_before_anything_of_it_is_loaded(artifact, tmp_path):
    kept, marker = module_path(artifact), tmp_path / "it ran"
    evil = tmp_path / "evil.pt2"
    poisoned(kept, evil, marker)
    subprocess.run([sys.executable, "-c", "import sys, torch; torch.export.load(sys.argv[1])", evil], check=False)
    assert marker.exists(), "the payload must work, or this proves nothing"
    marker.unlink()
    planted = tmp_path / kept.name
    planted.write_bytes(evil.read_bytes())
    with pytest.raises(InvalidError, match="not the one that was prepared"), loaded(planted, "d", EAGER, LIMIT):
        pass
    assert not marker.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"options": {"compield": True}}, "'compield'.*\n.*'compiled'"),
        ({"options": {"mode": "max-autotune"}}, "needs compiled: true"),
        ({"options": {"tf32": True}}, "belong to device: cuda"),
        ({"precision": "bf16"}, "names the precision bf16"),
    ],
)
def test_options_that_cannot_be_are_refused(changes, told):
    with pytest.raises(InputError, match=told):
        TorchRunner.probe(profile(**changes))


def test_no_compiler_is_told_before_the_run_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert TorchRunner.probe(EAGER).available
    found = TorchRunner.probe(COMPILED)
    assert not found.available
    assert "g++ is not in PATH" in found.reason
    assert "install g++" in found.remedy


def test_a_gpu_that_is_too_small_is_told_with_the_size_that_it_had_not():
    def call():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total ...")

    with pytest.raises(InvalidError, match=r"dense needs more memory than GPU 1[\s\S]*2\.00 GiB"):
        waited_for(call, 1, "dense")()


def test_looking_for_torch_does_not_import_it():
    code = (
        "import sys; from xbench.runners.torch_module import TorchRunner as R; "
        "from xbench.records.profile import HardwareProfile as P; "
        f"assert R.probe(P.model_validate_json({COMPILED.model_dump_json(by_alias=True)!r})); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_cache_of_an_ended_process_goes_and_that_of_another_user_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(torch_cache.tempfile, "gettempdir", lambda: str(tmp_path))
    own = torch_cache.own_cache("a" * 64)
    ended = own.parents[1] / f"{os.getppid()}-1"
    ended.mkdir()
    assert torch_cache.own_cache("a" * 64) == own
    assert own.is_dir()
    assert not ended.exists()
    own.parents[1].chmod(0o777)
    with pytest.raises(InvalidError, match="not a folder of this user alone"):
        torch_cache.own_cache("a" * 64)
