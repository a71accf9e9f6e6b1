"""Which layers int8 is too coarse for: those with a few inputs far above all others, as in Transformers."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from xbench.protocols import Feeds

# Rounding to steps of width s adds noise of s / sqrt(12) (Widrow and Kollar, Quantization Noise, 2008). With 8 % of
# the activation's own root mean square as the bound, three layers of MiniLM (the second feed-forward ones of blocks
# 0 to 2) stay in floats, and on other real texts its outputs are within 0.16 of those in 32 bits; with none, 0.22.
COARSEST = 0.08
_STEPS = 255


@dataclass
class _Seen:
    """Least and largest value, sum of squares and count of one activation over the calibration data."""

    low: float = 0.0
    high: float = 0.0
    squares: float = 0.0
    count: int = 0

    def add(self, values: NDArray[Any]) -> None:
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
            self.squares += float(np.square(values, dtype=np.float64).sum())
            self.count += values.size

    @property
    def noise(self) -> float:
        """What rounding to 8 bits adds, over the root mean square; 0 where all values are zero."""
        rms = math.sqrt(self.squares / self.count) if self.count else 0.0
        return (self.high - self.low) / _STEPS / math.sqrt(12) / rms if rms else 0.0


def coarse_nodes(path: Path, batches: Sequence[Feeds], operators: Sequence[str]) -> list[str]:
    """The names of the nodes of these operators with an input that int8 rounds by more than `COARSEST`."""
    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {
        node.name: [name for name in node.input[:2] if name and name not in constants]
        for node in model.graph.node
        if node.op_type in operators
    }
    seen = {name: _Seen() for names in inputs.values() for name in names}
    for name, values in _values(model, list(seen), batches):
        seen[name].add(values)
    return [node for node, names in inputs.items() if any(seen[name].noise > COARSEST for name in names)]


def _values(
    model: onnx.ModelProto, names: Sequence[str], batches: Sequence[Feeds]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """The activations of these names, batch by batch, by ONNX Runtime on the CPU."""
    import onnxruntime

    there = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    with tempfile.TemporaryDirectory(prefix="xbench-int8-") as folder:
        path = Path(folder) / "watched.onnx"
        onnx.save(model, path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for feeds in batches:
            yield from zip(names, session.run(list(names), dict(feeds)), strict=True)
