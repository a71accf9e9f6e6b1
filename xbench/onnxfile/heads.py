"""Which outputs of a projection are which attention head, where the graph shows that they are split."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from .constants import Scope
from .walk import STANDARD_DOMAINS

_ON_THE_WAY = frozenset({"Add", "Identity", "Cast", "Split", "Reshape", "Mul", "Div"})
"""What may lie between a projection and the split: a bias, a scale, the parts of one product for Q, K and V."""
_MAX_STEPS = 6


class Splits:
    """The widths into which values of one graph are split by `Reshape` to [.., heads, size]."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in scope.graph.node:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)

    def head_size(self, node: onnx.NodeProto, outputs: int) -> int | None:
        """How many of the node's outputs make one head; None where the graph shows no split, or several."""
        found = {size for name in node.output[:1] for size in self._sizes(name, outputs, _MAX_STEPS)}
        size = found.pop() if len(found) == 1 else 0
        return size if size and outputs % size == 0 and outputs > size else None

    def _sizes(self, name: str, outputs: int, steps: int, *, parts: bool = False) -> Iterator[int]:
        for node in self._consumers.get(name, ()):
            if node.domain not in STANDARD_DOMAINS or node.op_type not in _ON_THE_WAY or not steps:
                continue
            size = self._split(node, outputs, parts) if node.op_type == "Reshape" else 0
            if size:
                yield size
                continue
            for output in node.output:
                yield from self._sizes(output, outputs, steps - 1, parts=parts or node.op_type == "Split")

    def _split(self, node: onnx.NodeProto, outputs: int, parts: bool) -> int:
        """The size of a head, where a Reshape to [.., heads, size] is transposed afterwards; else 0.

        Heads and their size make up the outputs; or equal `parts` of them, as where Q, K and V are one product.
        """
        if not any(each.op_type == "Transpose" for each in self._consumers.get(node.output[0], ())):
            return 0
        heads, size = self._last_two(node.input[1] if len(node.input) > 1 else "")
        if heads == -1 and 0 < size < outputs:
            heads = outputs // size
        if size == -1 and 1 < heads < outputs:
            size = outputs // heads
        if heads < 1 or size < 1:
            return 0
        return size if heads * size == outputs or (parts and outputs % (heads * size) == 0) else 0

    def _last_two(self, name: str) -> tuple[int, int]:
        """The last two sizes of a shape; (0, 0) where they are computed, or there are fewer than three."""
        sizes = self._known(name)
        if sizes is None:
            producer = self._scope.producer(name)
            if producer is None or producer.op_type != "Concat":
                return 0, 0
            parts = [self._known(each) for each in producer.input]
            sizes = [size for part in parts for size in ([0] if part is None else part)]
        return (sizes[-2], sizes[-1]) if len(sizes) > 2 else (0, 0)

    def _known(self, name: str) -> list[int] | None:
        constant = self._scope.constant(name)
        return None if constant is None else [int(size) for size in constant.array().reshape(-1)]
