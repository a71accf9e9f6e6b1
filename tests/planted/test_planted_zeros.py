"""Zeros that are lost between PyTorch, the file, another file and the graph that the runtime optimised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from planted_kit import dense_chain, scripted, travelled

from xbench.errors import InvalidError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.opening import open_model
from xbench.onnxfile.tracing import require_zeros_kept
from xbench.runners.ort_session import OrtSessionRunner

torch = pytest.importorskip("torch", reason="pruning and export need torch")

from torch import nn  # noqa: E402
from torch.nn.utils import prune as masks  # noqa: E402

from xbench.exporters.torch_dynamo import TorchDynamoExporter  # noqa: E402
from xbench.prepare import exporting  # noqa: E402
from xbench.prepare.dense import DenseModel  # noqa: E402
from xbench.prepare.producing import produce  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

HALF = {"name": "half", "prune": {"method": "magnitude", "sparsity": 0.5, "exclude": ["out", "pooler"]}}
TWO_OF_FOUR = {"name": "2:4", "prune": {"method": "n:m", "n": 2, "m": 4, "exclude": ["out", "pooler"]}}


class Net(nn.Module):
    """`hidden` is square: nothing but its values tells its axes apart. No output depends on `pooler`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out, self.pooler = nn.Linear(128, 128), nn.Linear(128, 4), nn.Linear(128, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.hidden(x))
        self.pooler(hidden)
        return self.out(hidden)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    x = np.random.default_rng(0).standard_normal((3, 128)).astype(np.float32)
    dense = DenseModel(Net().eval(), {"x": torch.from_numpy(x)}, {"x": {0: "batch"}}, "dynamo", None, "t", "0" * 64)
    (tmp_path / "artifacts").mkdir()
    return Workshop(
        dense=dense,
        samples=[{"x": x}],
        artifacts=tmp_path / "artifacts",
        reference=reference_profile(),
        time_limit=60,
        base=tmp_path,
        trusted=False,
        calibration=lambda: Calibration(({"x": x},), "random numbers", "0" * 64),
    )


def exporting_with(monkeypatch, change):
    """An exporter whose last pass changes the weight of the layer `hidden`."""

    class Changing:
        def export(self, module, inputs, axes, path, opset=None):
            TorchDynamoExporter().export(module, inputs, axes, path, opset)
            model = onnx.load(path)
            tensor = next(t for t in model.graph.initializer if list(t.dims) == [128, 128])
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))
            onnx.save(model, path)

    monkeypatch.setattr(exporting, "exporter", lambda _name: Changing())


def densified(weight):
    return np.where(weight == 0, np.float32(1e-8), weight)


def test_a_pass_that_densifies_is_named_with_layer_and_node(workshop, monkeypatch):
    exporting_with(monkeypatch, densified)  # far below what parity sees
    told = r"Zeros of half were lost .*\nlayer hidden has 8192 zeros of 16384, and 0 of them are left in \S+ \(\w+\)"
    with pytest.raises(InvalidError, match=told):
        make_variant(VariantSpec.model_validate(HALF), workshop)


def test_a_file_with_all_its_zeros_is_named_after_the_layers(workshop):
    artifact, _ = make_variant(VariantSpec.model_validate(TWO_OF_FOUR), workshop)
    found = {layer.module: layer for layer in artifact.audit.layers}
    assert found.keys() == {"hidden", "out"}
    assert (found["hidden"].n_m, found["hidden"].pattern, found["out"].pattern) == ("2:4", "n:m", "dense")
    assert artifact.audit.missing_modules == ("pooler",)


def test_two_of_four_along_the_wrong_axis_is_found(workshop, monkeypatch):
    def wrong(spec, workshop):
        module, report = produce(spec, workshop)
        with torch.no_grad():
            module.hidden.weight.copy_(module.hidden.weight.T.clone())
        return module, report

    monkeypatch.setattr("xbench.prepare.variant.produce", wrong)
    told = r"The 2:4 pattern of 2:4 is not in the ONNX file\nlayer hidden became .* it holds along the outputs"
    with pytest.raises(InvalidError, match=told):
        make_variant(VariantSpec.model_validate(TWO_OF_FOUR), workshop)


def test_a_mask_left_unmerged_is_counted_and_told(workshop, monkeypatch):
    def masked(spec, _workshop):
        module = Net().eval()
        masks.l1_unstructured(module.hidden, "weight", amount=0.5)
        return module, None

    monkeypatch.setattr("xbench.prepare.variant.produce", masked)
    artifact, _ = make_variant(VariantSpec.model_validate(HALF), workshop)
    (layer,) = [layer for layer in artifact.audit.layers if layer.module == "hidden"]
    assert (layer.zeros, bool(layer.unmerged_mask)) == (8192, True)
    assert any("call torch.nn.utils.prune.remove" in note for note in artifact.notes)


def half_of(size=64, seed=0):
    random = np.random.default_rng(seed)
    weight = (random.standard_normal((size, size)) / 8).astype(np.float32)
    weight[random.random(weight.shape) < 0.5] = 0
    return weight


@pytest.mark.parametrize("moved", [0, 1])
def test_a_quantiser_that_moves_zeros_is_found(tmp_path, moved):
    """Asymmetric: nothing that is stored is zero, and it is the zero point that tells."""
    weight = half_of()
    dense = dense_chain(tmp_path / "dense.onnx", [weight])
    model = onnx.load(dense)
    stored = np.clip(np.rint(weight / 0.01) + 100 + moved * (weight == 0), 1, 255).astype(np.uint8)
    constants = {"q": stored, "s": np.float32(0.01), "z": np.uint8(100)}
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    model.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w0"]))
    onnx.save(model, tmp_path / "int8.onnx")
    assert (stored != 0).all()
    if moved:
        with pytest.raises(InvalidError, match=r"Zeros of half were lost in quantising\nproduct0 .* and 0 of them"):
            require_zeros_kept(dense, tmp_path / "int8.onnx", "half", "quantising")
        assert audit(open_model(tmp_path / "int8.onnx")).pattern == "dense"
    else:
        require_zeros_kept(dense, tmp_path / "int8.onnx", "half", "quantising")
        assert audit(open_model(tmp_path / "int8.onnx")).zeros >= (weight == 0).sum()


def test_a_cast_that_makes_zeros_is_told(tmp_path):
    weight = half_of()
    weight[:4] = 1e-9
    dense = dense_chain(tmp_path / "dense.onnx", [weight])
    cast = dense_chain(tmp_path / "cast.onnx", [weight.astype(np.float16)])
    (note,) = require_zeros_kept(dense, cast, "half", "the cast to float16")
    zeros = int((weight == 0).sum())
    assert f"product0 (MatMul) had {zeros} zeros of 4096, product0 (MatMul) has {zeros + 256} zeros" in note


def test_a_runtime_whose_graph_lost_zeros_makes_the_candidate_invalid(tmp_path, monkeypatch):
    """Real: ONNX Runtime on this CPU, whose optimised graph is changed before it is looked at."""
    honest = OrtSessionRunner.write_optimised

    def lossy(runner, path):
        why = honest(runner, path)
        model = onnx.load(path)
        for tensor in model.graph.initializer if runner.label == "lost" else ():
            tensor.CopyFrom(numpy_helper.from_array(densified(numpy_helper.to_array(tensor)), tensor.name))
        onnx.save(model, path)
        return why

    scripted(monkeypatch)
    monkeypatch.setattr(OrtSessionRunner, "write_optimised", lossy)
    dense_chain(tmp_path / "dense.onnx", [half_of() + np.float32(0.5)])
    for name in ("kept", "lost"):
        dense_chain(tmp_path / f"{name}.onnx", [half_of()])
    (tmp_path / "suite.yaml").write_text(
        "schema: xbench.suite/1\nname: zeros\nhardware: [cpu]\nmeasure: {precision: 0.9, budget: 2}\nvariants:\n"
        "- {name: dense, onnx: dense.onnx, baseline: true}\n- {name: kept, onnx: kept.onnx}\n"
        "- {name: lost, onnx: lost.onnx}\n"
    )
    found = travelled(tmp_path / "suite.yaml", profile_folders=())
    told = "Zeros of lost were lost in the graph that the runtime optimised: product0 (MatMul) has"
    assert told in found.group.failures["lost"]
    assert found.comparison("lost").verdict == "invalid"
    zeros = int((half_of() == 0).sum())
    kept = found.row("Zeros in the optimised graph", "kept")
    assert (kept["found again"], kept["their zeros in the file"], kept["kept"]) == ("1", str(zeros), str(zeros))
