"""The PyTorch program that is kept beside an artifact: when it is, when it cannot be, and whom it is loaded for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from records_by_hand import device, record, variant
from stand_ins import no_calibration

torch = pytest.importorskip("torch", reason="programs are PyTorch's")

from torch import nn  # noqa: E402

from xbench.artifacts.modules import module_path  # noqa: E402
from xbench.errors import InputError, InvalidError  # noqa: E402
from xbench.exporters.torch_dynamo import TorchDynamoExporter  # noqa: E402
from xbench.measure.inspection import loaded  # noqa: E402
from xbench.measure.model_file import model_file, needs_module  # noqa: E402
from xbench.prepare import exporting as making  # noqa: E402
from xbench.prepare.dense import DenseModel  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import all_profiles, reference_profile  # noqa: E402
from xbench.road.preparing import _modules_wanted, prepare  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

DENSE = VariantSpec(name="dense", baseline=True)
EAGER = all_profiles()["torch-eager"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.out = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(x)


class Stubborn(Net):
    """What it does hangs on the values that it is fed: torch.export cannot follow."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if float(x.sum()) < 1e9 else x


def workshop(folder, module, keep_modules=True, samples=None, exporter="dynamo", axes=("batch",)):
    samples = samples or {"x": np.random.default_rng(0).standard_normal((1, 16)).astype(np.float32)}
    inputs = {name: torch.from_numpy(array) for name, array in samples.items()}
    open_axes = {name: dict(enumerate(axes)) for name in inputs}
    dense = DenseModel(module.eval(), inputs, open_axes, exporter, None, "test", "0" * 64)
    reference = reference_profile()
    return Workshop(
        dense, [samples], folder, reference, 120, folder, False, no_calibration, keep_modules=keep_modules
    )


def test_no_program_is_made_where_no_device_runs_modules(tmp_path):
    artifact, _ = make_variant(DENSE, workshop(tmp_path, Net(), keep_modules=False))
    assert (artifact.module_sha256, artifact.module_note) == ("", "")
    assert not list(tmp_path.glob("*.pt2"))
    assert not _modules_wanted(record(devices=(device("cpu"),)))
    torch_device = device().model_copy(update={"profile": EAGER})
    assert _modules_wanted(record(devices=(device("cpu"), torch_device)))
    absent = torch_device.model_copy(update={"availability": device(available=False).availability})
    assert not _modules_wanted(record(devices=(absent,)))
    assert not needs_module(all_profiles()["cpu"]), "a runner that does not say so runs ONNX files"


def test_a_module_that_torch_cannot_export_costs_the_torch_device_alone(tmp_path, monkeypatch):
    class Writes:
        def export(self, module, *rest):
            TorchDynamoExporter().export(Net().eval(), *rest)

    monkeypatch.setattr(making, "exporter", lambda _name: Writes())
    artifact, _ = make_variant(DENSE, workshop(tmp_path, Stubborn()))
    assert artifact.parity is not None
    assert artifact.parity.passed
    assert model_file(artifact, all_profiles()["cpu"]).suffix == ".onnx"
    with pytest.raises(InvalidError, match=r"cannot run on torch-eager\ntorch.export cannot export the module: "):
        model_file(artifact, EAGER)


def test_a_transformers_model_runs_without_transformers_and_without_what_the_file_leaves_out(tmp_path):
    pytest.importorskip("optimum.exporters.onnx")
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=50)
    )
    names = ("input_ids", "attention_mask", "token_type_ids")
    samples = {name: np.full((1, 8), name != "token_type_ids", np.int64) for name in names}
    place = workshop(tmp_path, bert, samples=samples, exporter="optimum", axes=("batch", "sequence"))
    artifact, _ = make_variant(DENSE, place)
    assert artifact.module_note == ""
    other = {name: np.repeat(np.repeat(array, 3, 0), 2, 1)[:, :11] for name, array in samples.items()}
    with loaded(model_file(artifact, EAGER), "dense", EAGER, 120) as model:
        (found,) = model.infer([other])
        operators = {time.operator for time in model.profile(other, optimised=True).operators}
    assert list(found) == ["last_hidden_state"]
    assert "aten::tanh" not in operators, "that is the pooler's, whose output the ONNX file does not have"
    with torch.no_grad():
        wanted = bert(**{name: torch.from_numpy(array) for name, array in other.items()}).last_hidden_state
    np.testing.assert_allclose(found["last_hidden_state"], wanted.numpy(), atol=1e-5)


def test_a_resumed_run_loads_programs_of_an_earlier_process_only_if_trusted():
    kept = variant("dense", baseline=True)
    assert kept.artifact is not None
    artifact = kept.artifact.model_copy(update={"module_sha256": "5" * 64})
    torch_device = device().model_copy(update={"profile": EAGER})
    begun = record(variants=(kept.model_copy(update={"artifact": artifact}),), devices=(torch_device,))
    suite = SimpleNamespace(variants=())
    journey = SimpleNamespace(end=lambda: None)
    for trusted in (False, True):
        context = SimpleNamespace(
            options=SimpleNamespace(trusted=trusted), loaded=SimpleNamespace(suite=suite), journey=journey
        )
        if trusted:
            assert prepare(context, begun) == begun
        else:
            with pytest.raises(InputError, match=r"kept by an earlier process[\s\S]*--trust"):
                prepare(context, begun)
    assert module_path(artifact).name == "5" * 64 + ".pt2"
