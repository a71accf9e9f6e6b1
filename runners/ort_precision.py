"""What a profiled session proves of the precision that it computed in: by the operators that ran, not by the file.

Names of operators are ONNX's, and those of ONNX Runtime's own domain (docs/ContribOperators.md in its sources).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from xbench.errors import InvalidError
from xbench.records.measurement import OperatorTime

from .ort_profile import Event

# Their kernels multiply 8-bit integers into 32-bit sums.
INTEGER = frozenset(
    {
        "ConvInteger",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "QAttention",
        "QGemm",
        "QLinearConv",
        "QLinearMatMul",
    }
)
# What else multiplies matrices. MatMulNBits holds narrow weights, and may compute in either: it proves nothing.
FLOAT = frozenset(
    {
        "Attention",
        "Conv",
        "ConvTranspose",
        "Einsum",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
        "GRU",
        "Gemm",
        "GroupQueryAttention",
        "LSTM",
        "MatMul",
        "MatMulNBits",
        "MultiHeadAttention",
        "NhwcFusedConv",
        "RNN",
    }
)


def prove_integer(operators: Sequence[OperatorTime], whose: str) -> str:
    """The share of the heavy operators' time that integer kernels took, in words.

    Raises InvalidError where none ran: the file may hold integers that are only turned into floats again.
    """
    heavy = [one for one in operators if one.operator in INTEGER | FLOAT]
    integer = [one for one in heavy if one.operator in INTEGER]
    if not integer:
        raise InvalidError(
            f"No integer kernel ran in {whose}, and the profile names the precision int8",
            _instead(operators, heavy),
            "quantise the activations too (static Q/DQ or dynamic), or name the precision fp32",
        )
    share = _share(integer, heavy)
    names = ", ".join(sorted(one.operator for one in integer))
    return f"{share:.0%} of the time of its matrix products and convolutions is in integer kernels ({names})"


def prove_input_type(events: Iterable[Event], wanted: str, precision: str, whose: str) -> None:
    """Raise InvalidError where a heavy operator took its first input in another type than `wanted`.

    `wanted` is the profiler's name of a type, such as `bfloat16`; a file may hold such weights and cast them.
    """
    taken = {
        (event["args"]["op_name"], next(iter(kinds[0])))
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("op_name") in INTEGER | FLOAT
        if (kinds := event["args"].get("input_type_shape"))
    }
    others = sorted(f"{operator} took {kind}" for operator, kind in taken if kind != wanted)
    if others or not taken:
        raise InvalidError(
            f"{whose} was not computed in {precision}, which the profile names",
            "; ".join(others) or "no matrix product or convolution ran",
            "name the precision that it computes in",
        )


def _instead(operators: Collection[OperatorTime], heavy: Collection[OperatorTime]) -> str:
    names = {one.operator for one in operators}
    if not names:
        return "the profiler kept too few of the events to tell"
    floats = ", ".join(sorted(one.operator for one in heavy)) or "no matrix product or convolution"
    if "MatMulNBits" in names:
        return f"what ran: {floats}; MatMulNBits holds narrow weights and may compute in floats"
    if "DequantizeLinear" in names:
        return f"DequantizeLinear made floats of its weights, and what ran is {floats}"
    return f"what ran: {floats}"


def _share(some: Sequence[OperatorTime], every: Sequence[OperatorTime]) -> float:
    """By time; by number of nodes where the model is so small that all of its kernels took 0 us."""
    total = sum(one.time_ms for one in every)
    if total:
        return sum(one.time_ms for one in some) / total
    return sum(one.nodes for one in some) / sum(one.nodes for one in every)
