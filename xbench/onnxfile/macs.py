"""How many multiply-accumulates one node computes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Shape = tuple[int, ...]
_Counting = Callable[[Sequence[Shape], Sequence[Shape], Mapping[str, object]], int]


def node_macs(
    op_type: str,
    input_shapes: Sequence[Shape],
    output_shapes: Sequence[Shape],
    attributes: Mapping[str, object],
) -> int:
    """Multiply-accumulates of one node; biases, activations and sums are not counted.

    Shapes come in the node's order, `()` for an input that is left out. Raises ValueError for an operator
    that is not counted here, and for shapes that do not fit it.
    """
    count = _COUNTINGS.get(op_type)
    if count is None:
        raise ValueError(f"{op_type} is not counted")
    try:
        return count(input_shapes, output_shapes, attributes)
    except IndexError as error:
        raise ValueError(f"{op_type} has inputs or outputs of an unexpected rank") from error


def _matmul(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    reduced, right = _reduced(inputs[0], given), inputs[1]
    if reduced != (right[-1] if given.get("transB") or len(right) == 1 else right[-2]):
        raise ValueError(f"its operands {inputs[0]} and {right} do not fit each other")
    return math.prod(outputs[0]) * reduced


def _matmul_scaled(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    """QLinearMatMul: the second matrix comes after the first one's scale and zero point."""
    return math.prod(outputs[0]) * inputs[0][-1]


def _reduced(left: Shape, given: Mapping[str, object]) -> int:
    if given.get("transBatchA"):
        raise ValueError("a product with transposed batches is not counted")
    return left[-2] if given.get("transA") and len(left) > 1 else left[-1]


def _conv(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    """The weight is [M, C/group, k...]: the group is in its shape."""
    return math.prod(outputs[0]) * math.prod(inputs[1][1:])


def _conv_scaled(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    return math.prod(outputs[0]) * math.prod(inputs[3][1:])


def _deconv(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    """Each element of the input meets each weight of its channel: [C, M/group, k...]."""
    return math.prod(inputs[0]) * math.prod(inputs[1][1:])


def _einsum(inputs: Sequence[Shape], outputs: Sequence[Shape], given: Mapping[str, object]) -> int:
    """One MAC for each combination of all indices, where two operands are multiplied."""
    equation = given.get("equation", b"")
    text = (equation.decode() if isinstance(equation, bytes) else str(equation)).replace(" ", "")
    terms = text.split("->")[0].split(",")
    if len(terms) == 1 and "." not in text:
        return 0
    plain = all(term.isalpha() and max(Counter(term).values()) == 1 for term in terms)
    if len(terms) != 2 or not plain or any(len(t) != len(s) for t, s in zip(terms, inputs, strict=True)):
        raise ValueError(f"the equation {text!r} is not counted")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        for index, size in zip(term, shape, strict=True):
            sizes[index] = max(size, sizes.get(index, size))
    return math.prod(sizes.values())


_COUNTINGS: dict[str, _Counting] = {
    "MatMul": _matmul,
    "FusedMatMul": _matmul,
    "Gemm": _matmul,
    "FusedGemm": _matmul,
    "MatMulInteger": _matmul,
    "MatMulIntegerToFloat": _matmul,
    "DynamicQuantizeMatMul": _matmul,
    "QLinearMatMul": _matmul_scaled,
    "Conv": _conv,
    "FusedConv": _conv,
    "ConvInteger": _conv,
    "QLinearConv": _conv_scaled,
    "ConvTranspose": _deconv,
    "Einsum": _einsum,
}
COUNTED = frozenset(_COUNTINGS)
"""The operators, of the standard and of com.microsoft, that `node_macs` counts."""
