"""Layers of a module found again in its file, whatever the exporter folded, transposed or renamed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="export needs torch")

from torch import nn  # noqa: E402

from xbench.errors import InvalidError  # noqa: E402
from xbench.exporters.torch_script import TorchScriptExporter  # noqa: E402
from xbench.onnxfile.following import follow  # noqa: E402
from xbench.onnxfile.opening import open_model  # noqa: E402
from xbench.onnxfile.tracing import traced  # noqa: E402
from xbench.prepare.checking import _module_weights, _needed  # noqa: E402


class Conv1D(nn.Module):
    """As transformers has it: a Linear whose weight is [inputs, outputs]."""

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight, self.bias = nn.Parameter(torch.randn(nx, nf)), nn.Parameter(torch.zeros(nf))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, x, self.weight)


class Net(nn.Module):
    """Two stages of equal sizes, so that shapes do not tell them apart."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(2)
        )
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2)
        self.mixed, self.last, self.unused = Conv1D(16, 6), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        x = self.last(torch.relu(self.mixed(self.up(x).mean((2, 3)))))
        return x, self.unused(x)


LAYERS = ["stem.0", "stages.0.0", "stages.1.0", "up", "mixed", "last", "unused"]


@pytest.fixture
def net() -> nn.Module:
    module = Net().eval()
    with torch.no_grad():
        for name, part in module.named_modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.5, 2)
                part.running_var.uniform_(0.5, 2)
            elif name in LAYERS:
                part.weight[torch.rand_like(part.weight) < 0.5] = 0
    return module


def test_every_layer_is_found_with_batchnorm_folded(net: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    TorchScriptExporter().export(net, {"x": torch.randn(2, 3, 8, 8)}, {}, path)
    model = open_model(path)
    assert not any(node.op_type == "BatchNormalization" for node in model.graph.node)
    before, after = _module_weights(net), traced(model)
    assert [weight.names[0] for weight in before] == LAYERS
    found = follow(before, after, "lost", "")
    assert [before[index].names[0] for index in found.found if index is not None] == LAYERS
    assert not found.missing
    assert [before[index].zeros for index in found.found if index is not None] == [weight.zeros for weight in after]


def test_a_folded_weight_that_lost_zeros_is_named(net: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    TorchScriptExporter().export(net, {"x": torch.randn(2, 3, 8, 8)}, {}, path)
    with torch.no_grad():
        net.stages[1][0].weight[0] = 0
    expected = int((net.stages[1][0].weight == 0).sum())
    with pytest.raises(InvalidError, match=rf"layer stages.1.0 has {expected} zeros of 288"):
        follow(_module_weights(net), traced(open_model(path)), "lost", "")


def test_which_outputs_depend_on_a_layer(net: nn.Module) -> None:
    shop = SimpleNamespace(dense=SimpleNamespace(example_inputs={"x": torch.randn(2, 3, 8, 8)}))
    assert _needed(net, ["unused", "last"], 1, shop) == {"last"}
    assert _needed(net, ["unused", "last"], 2, shop) == {"unused", "last"}
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
