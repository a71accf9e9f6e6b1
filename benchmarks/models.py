"""Writes the models that the benchmarks run: ONNX files with random weights, the same bytes each time.

    python benchmarks/models.py DIR

    resnet50.onnx       ResNet-50 (the default of Transformers' ResNetConfig), batch 1, 3x224x224
    resnet50-copy.onnx  the same bytes
    resnet50-half.onnx  half of the channels removed by xbench's own structured pruning
    tiny.onnx           three MatMuls, some 60 us on one core
    tiny-copy.onnx      the same bytes
    chain.onnx          100 equal layers (MatMul and Add), some 10 ms
    chain-plus1.onnx    101 of them: really 1 % slower
    chain-plus2.onnx    102 of them: really 2 % slower

Needs the extras `torch` and `optimum` (for Transformers). Prints the size and the digest of each file.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from overhead import small_model
from transformers import ResNetConfig, ResNetForImageClassification

from xbench.plugins import exporter
from xbench.pruning import Material, prune
from xbench.records.recipe import StructuredRecipe

SEED = 0
LAYERS = 100
ROWS, WIDTH = 256, 256
HALF = StructuredRecipe(method="structured", channels=0.5)


def write_resnets(folder: Path) -> None:
    """ResNet-50, its copy, and the one with half of its channels."""
    torch.manual_seed(SEED)
    inputs = {"pixel_values": torch.randn(1, 3, 224, 224)}
    dense = ResNetForImageClassification(ResNetConfig(num_labels=1000)).eval()
    half, _ = prune(dense, HALF, Material(inputs))
    for name, module in (("resnet50", dense), ("resnet50-half", half)):
        exporter("dynamo").export(module, inputs, {}, folder / f"{name}.onnx")
    shutil.copyfile(folder / "resnet50.onnx", folder / "resnet50-copy.onnx")


def write_tiny(folder: Path) -> None:
    """The small model of overhead.py, and its copy."""
    small_model(folder / "tiny.onnx")
    shutil.copyfile(folder / "tiny.onnx", folder / "tiny-copy.onnx")


def _layer(number: int, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
    """Layer `number` of a chain. Its weights come from its number: all chains begin alike.

    A variance of 1 / WIDTH keeps the size of what flows through, so that no depth makes denormals or infinity.
    """
    random = np.random.default_rng((SEED, number))
    weight = random.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(WIDTH**0.5)
    bias = random.standard_normal(WIDTH, np.float32)
    nodes = [
        helper.make_node("MatMul", [f"x{number}", f"w{number}"], [f"m{number}"]),
        helper.make_node("Add", [f"m{number}", f"b{number}"], [output]),
    ]
    return nodes, [numpy_helper.from_array(weight, f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]


def write_chain(path: Path, layers: int) -> None:
    """`layers` equal layers, one after the other: ROWS x WIDTH in and out."""
    outputs = [f"x{number + 1}" for number in range(layers - 1)] + ["y"]
    parts = [_layer(number, output) for number, output in enumerate(outputs)]
    graph = helper.make_graph(
        [node for nodes, _ in parts for node in nodes],
        "chain",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [ROWS, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, WIDTH])],
        [weight for _, weights in parts for weight in weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def main() -> None:
    """Write all, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny(folder)
    for name, more in (("chain", 0), ("chain-plus1", 1), ("chain-plus2", 2)):
        write_chain(folder / f"{name}.onnx", LAYERS + more)
    write_resnets(folder)
    for file in sorted(folder.glob("*.onnx")):
        content = file.read_bytes()
        print(f"{file.name:20s} {len(content) / 2**20:7.1f} MiB  sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
