"""Weights of convolutions as ONNX Runtime reorders them for its CPU kernels: in blocks of channels, padded."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from .constants import Array

DOMAIN = "com.microsoft.nchwc"
_BLOCKS = (16, 8)
"""Channels in a block: 16 with AVX-512 and on ARM, 8 with AVX (`MlasNchwcGetBlockSize`)."""


def is_blocked(node: onnx.NodeProto) -> bool:
    """Whether the node is a convolution on blocks of channels; its second input is the weight."""
    return node.domain == DOMAIN and node.op_type == "Conv"


def unblocked(weight: Array) -> Iterator[Array]:
    """[M, C/group, kh, kw] as it may have been, padded with zeros, for each order in which it may lie now.

    The file does not tell the order: OIHWBo where the input has few channels or each channel is a group of its own,
    OIHWBiBo elsewhere (`MlasReorderFilterOIHWBo` and `MlasReorderFilterOIHWBiBo`; i and o of a block come last).
    """
    if weight.ndim != 4:
        return
    outputs, inputs, height, width = weight.shape
    for block in _BLOCKS:
        if outputs % block:
            continue
        by_outputs = weight.reshape(outputs // block, inputs, height, width, block)
        yield by_outputs.transpose(0, 4, 1, 2, 3).reshape(weight.shape)
        if inputs % block == 0:
            both = weight.reshape(outputs // block, inputs // block, height, width, block, block)
            yield both.transpose(0, 5, 1, 4, 2, 3).reshape(weight.shape)
