"""The models of docs/compaction-results.md: their factories, suites, and the twin in which only filters are zero.

Weights are random, and so are the batch norms: a fresh one shifts nothing, and a channel whose filter is zero would
leave nothing to fold. `small_...` are models of the same make to try the benchmark on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from recipe_models import SEED, TOKENS, bert_base, gpt2, mobilenet_v2, resnet50
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
)

ZEROED, TWIN, FILTERS = "zeroed", "removed", "filters"


def shifted(module: torch.nn.Module) -> torch.nn.Module:
    """The module with batch norms as training leaves them: each channel has a shift, a mean and a scale."""
    random = torch.Generator().manual_seed(SEED)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for tensor, middle, spread in (
                (part.bias, 0.0, 0.2),
                (part.running_mean, 0.0, 0.2),
                (part.weight, 1.0, 0.1),
            ):
                assert tensor is not None
                with torch.no_grad():
                    tensor.copy_(middle + spread * torch.randn(tensor.shape, generator=random))
    return module


def resnet50_shifted() -> torch.nn.Module:
    """ResNet-50 with random weights and batch norms."""
    return shifted(resnet50())


def mobilenet_v2_shifted() -> torch.nn.Module:
    """MobileNetV2 with random weights and batch norms."""
    return shifted(mobilenet_v2())


def small_resnet() -> torch.nn.Module:
    """Two stages of two bottlenecks."""
    torch.manual_seed(SEED)
    config = ResNetConfig(embedding_size=16, hidden_sizes=[32, 64], depths=[2, 2], num_labels=10)
    return shifted(ResNetForImageClassification(config).eval())


def small_mobilenet() -> torch.nn.Module:
    """The depth of MobileNetV2 at a quarter of its width."""
    torch.manual_seed(SEED)
    return shifted(MobileNetV2ForImageClassification(MobileNetV2Config(depth_multiplier=0.25, num_labels=10)).eval())


def small_bert() -> torch.nn.Module:
    """Two layers of width 128."""
    torch.manual_seed(SEED)
    config = BertConfig(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256, vocab_size=1000
    )
    return BertModel(config, add_pooling_layer=False).eval()


def small_gpt2() -> torch.nn.Module:
    """Two layers of width 128."""
    torch.manual_seed(SEED)
    return GPT2Model(GPT2Config(n_embd=128, n_layer=2, n_head=4, vocab_size=1000, use_cache=False)).eval()


@dataclass(frozen=True)
class Model:
    """A model, how it is pruned, and what is to be reached: differences from the twin, as shares."""

    factory: str
    small: str
    parts: str
    inputs: tuple[str, ...]
    exporter: str
    twin_by: str
    goal: dict[str, float]

    @property
    def has_filters(self) -> bool:
        """Whether there is the harder kind, in which only the producing filters are zero."""
        return self.parts.startswith("channels")

    @property
    def shapes(self) -> list[str]:
        """What `xbench compare --shape` is to be told."""
        sizes = "1x3x224x224" if self.has_filters else f"1x{TOKENS}"
        return [f"{name}={sizes}" for name in self.inputs]

    def declared(self) -> str:
        """The inputs, as a suite declares them."""
        shape = "{shape: [batch, 3, 224, 224]}" if self.has_filters else "{shape: [batch, sequence], dtype: int64}"
        return "".join(f"    {name}: {shape}\n" for name in self.inputs)


_TORCH_PRUNING = "Torch-Pruning's dependency graph"
_CHANNELS, _HEADS = "channels: 0.5", "heads: 0.5, neurons: 0.5"
_CLOSE, _NEAR = {"parameters": 0.01, "speed": 0.03}, {"parameters": 0.05, "speed": 0.05}

MODELS = {
    "resnet50": Model(
        "resnet50_shifted", "small_resnet", _CHANNELS, ("pixel_values",), "dynamo", _TORCH_PRUNING, _CLOSE
    ),
    "bert-base": Model(
        "bert_base",
        "small_bert",
        _HEADS,
        ("input_ids", "attention_mask", "token_type_ids"),
        "optimum",
        _TORCH_PRUNING,
        _CLOSE,
    ),
    "mobilenet-v2": Model(
        "mobilenet_v2_shifted", "small_mobilenet", _CHANNELS, ("pixel_values",), "dynamo", _TORCH_PRUNING, _NEAR
    ),
    "gpt2": Model(
        "gpt2",
        "small_gpt2",
        _HEADS,
        ("input_ids", "attention_mask", "position_ids"),
        "optimum",
        "xbench's own cutting: Torch-Pruning does not know the layer Conv1D",
        _NEAR,
    ),
}
"""In the order of the table."""

_FACTORIES = {one.__name__: one for one in (bert_base, gpt2, resnet50_shifted, mobilenet_v2_shifted)}
_FACTORIES |= {one.__name__: one for one in (small_bert, small_gpt2, small_resnet, small_mobilenet)}


def factory_of(name: str, small: bool) -> str:
    """The name of the function that builds it."""
    return MODELS[name].small if small else MODELS[name].factory


def suite(name: str, small: bool) -> str:
    """The dense model, the zeroed one and its twin, of the same groups; and with a checkpoint, the harder kind."""
    model = MODELS[name]
    prune = f"method: structured, {model.parts}"
    lines = [
        "  - {name: dense, baseline: true}",
        f"  - {{name: {ZEROED}, prune: {{{prune}, remove: false}}}}",
        f"  - {{name: {TWIN}, prune: {{{prune}}}}}",
    ]
    if model.has_filters:
        lines.append(f"  - {{name: {FILTERS}, checkpoint: {FILTERS}.safetensors}}")
    return (
        f"schema: xbench.suite/1\nname: {name}\nmodel:\n  factory: compaction_models:{factory_of(name, small)}\n"
        f"  exporter: {model.exporter}\n  inputs:\n{model.declared()}variants:\n" + "\n".join(lines) + "\n"
        "workloads: [{name: b1, batch: 1"
        + (f", axes: {{sequence: {TOKENS}}}" if not model.has_filters else "")
        + "}]"
        "\nhardware: [cpu]\n"
    )


def write_filters(name: str, small: bool, zeroed: Path, to: Path) -> None:
    """The dense weights, with the filters at zero that are zero in `zeroed`, and nothing else: as
    `torch.nn.utils.prune.ln_structured` leaves them. Biases, batch norms and the layers after are those of the dense.
    """
    weights = _FACTORIES[factory_of(name, small)]().state_dict()
    for key, pruned in load_file(zeroed).items():
        if pruned.dim() == 4:
            gone = ~pruned.flatten(1).any(1)
            weights[key][gone] = 0.0
    save_file({key: value.contiguous() for key, value in weights.items()}, to)
