"""What ONNX Runtime calls the nodes that it makes, and so what in the file they were made of.

Seen with 1.31 on the CPU, on the models of the tests, and in the names that its library holds:

- a node that was only given more to do keeps its name: a convolution into which a batch norm is folded;
- a fusion adds its own name behind, `NAME/MatMulAddFusion`, `NAME/MatMulScaleFusion/`, or `fused ` before, where an
  activation is fused into a Conv or a Gemm: `fused NAME/MatMulAddFusion`;
- a node in the blocked layout bears the name of the value that it put out before, `VALUE_nchwc`: the activation's
  output, if one was fused;
- a name that is taken already gets `_token_NUMBER` behind;
- a node without a name is `OP_INDEX` in a profile, by its place in the file; what is made of it has no name to tell.

A fusion that goes by its own name alone, such as `Attention`, is not traced.
"""

from __future__ import annotations

import re

# Operators that multiply matrices or convolve, of the standard and of ONNX Runtime's own.
_MULTIPLYING = frozenset(
    {
        *("Conv", "ConvTranspose", "FusedConv", "NhwcFusedConv", "ConvInteger", "QLinearConv"),
        *("MatMul", "FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", "SparseToDenseMatMul"),
        *("Gemm", "FusedGemm", "GemmFloat8", "QGemm"),
        *("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul"),
        *("MatMulNBits", "MatMulBnb4", "Einsum"),
    }
)
_MADE = re.compile(r"^(?:fused )?(?P<of>.+?)(?:/\w+Fusion/?)*(?:_nchwc|_nhwc)?(?:_token_\d+)?$")


def origins(node: str, operator: str) -> tuple[str, ...]:
    """Names that the node may be made of, nodes' or values': its own, and that without what was added to it.

    None for an operator that does not multiply matrices.
    """
    if operator not in _MULTIPLYING:
        return ()
    made = _MADE.match(node)
    return tuple(dict.fromkeys((node, made["of"]))) if made else (node,)
