"""From a module to an artifact, and the losses on the way that must be found."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch", reason="pruning and export need torch")

from torch import nn  # noqa: E402

from xbench.artifacts.keeping import check_file  # noqa: E402
from xbench.errors import InputError, InvalidError  # noqa: E402
from xbench.exporters.torch_dynamo import TorchDynamoExporter  # noqa: E402
from xbench.prepare import exporting  # noqa: E402
from xbench.prepare.deadline import deadline  # noqa: E402
from xbench.prepare.dense import DenseModel, load_dense, users_code  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

HALF = {"name": "half", "prune": {"method": "magnitude", "sparsity": 0.5}}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = nn.Linear(16, 32), nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x)))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    x = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
    dense = DenseModel(
        Net().eval(), {"x": torch.from_numpy(x)}, {"x": {0: "batch"}}, "dynamo", None, "test", "0" * 64
    )
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    return Workshop(
        dense=dense,
        samples=[{"x": x}, {"x": x[:1]}],
        artifacts=artifacts,
        reference=reference_profile(),
        time_limit=60,
        base=tmp_path,
        trusted=False,
        calibration=lambda: Calibration(({"x": x},), "random numbers", "0" * 64),
    )


class Tampering:
    """Exports as `dynamo` does, and then changes the first weight of the file."""

    def __init__(self, change) -> None:
        self.change = change

    def export(self, module, example_inputs, dynamic_axes, path, opset=None) -> None:
        TorchDynamoExporter().export(module, example_inputs, dynamic_axes, path, opset)
        model = onnx.load(path)
        tensor = max(model.graph.initializer, key=lambda t: np.prod(t.dims))
        tensor.CopyFrom(numpy_helper.from_array(self.change(numpy_helper.to_array(tensor).copy()), tensor.name))
        onnx.save(model, path)


def test_an_artifact_holds_parity_audit_and_provenance(workshop: Workshop) -> None:
    artifact, _ = make_variant(VariantSpec.model_validate(HALF), workshop)
    path = Path(artifact.path)
    assert path.name == f"{artifact.sha256}.onnx"
    assert artifact.parity is not None
    assert artifact.parity.passed
    assert artifact.parity.inputs_tried == 2
    assert artifact.audit.sparsity == pytest.approx(0.5, abs=0.01)
    written = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert json.loads(written["xbench.recipe"])["sparsity"] == 0.5
    assert written["xbench.source_sha256"] == "0" * 64
    assert {"xbench.versions", "xbench.exporter"} <= written.keys()
    assert "xbench.time" not in written, "equal input gives equal bytes"
    assert artifact.made
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] == artifact.sha256
    dim = artifact.signature.inputs[0].shape[0]  # type: ignore[index]
    assert isinstance(dim, str), "the batch axis stays open"


def test_zeros_that_are_lost_on_the_way_are_an_error(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def densify(weight):
        weight[weight == 0] = 1e-7  # too little for parity to notice
        return weight

    monkeypatch.setattr(exporting, "exporter", lambda _name: Tampering(densify))
    with pytest.raises(InvalidError, match="Zeros of half were lost"):
        make_variant(VariantSpec.model_validate(HALF), workshop)


def test_a_file_that_computes_something_else_is_an_error(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "exporter", lambda _name: Tampering(lambda weight: weight * 1.01))
    with pytest.raises(InvalidError, match="does not compute what the PyTorch module does"):
        make_variant(VariantSpec.model_validate(HALF), workshop)


def test_a_swapped_file_is_found(workshop: Workshop) -> None:
    artifact, _ = make_variant(VariantSpec.model_validate(HALF), workshop)
    model = onnx.load(artifact.path)
    model.metadata_props.add(key="later", value="on")
    onnx.save(model, artifact.path)
    with pytest.raises(InvalidError, match="not the one that was prepared"):
        check_file(artifact, "is not the one that was prepared", "")


def test_the_users_code_is_named_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def build():\n    raise KeyError('no weights')\n")
    (tmp_path / "suite.yaml").write_text(
        "schema: xbench.suite/1\nname: s\nmodel:\n  factory: net:build\n  inputs: {x: {shape: [batch, 4]}}\n"
        "variants: [{name: dense, baseline: true}]\n"
    )
    loaded = load_suite(tmp_path / "suite.yaml")
    with pytest.raises(InputError, match="--trust"):
        load_dense(loaded, trusted=False, samples=[])
    with pytest.raises(InputError, match=r"net:build failed: KeyError.*\n.*line 2 of net.py"):
        load_dense(loaded, trusted=True, samples=[])
    with pytest.raises(InputError, match="code of mine failed"), users_code("code of mine"):
        raise RuntimeError


def test_work_that_never_ends_is_stopped() -> None:
    with pytest.raises(InputError, match=r"Pruning x did not end within 0.2 s"), deadline(0.2, "Pruning x"):
        time.sleep(60)
    with deadline(30, "nothing"):
        assert threading.current_thread() is threading.main_thread()
