"""The zeros of an ONNX file, layer by layer, and of the graph that a runtime made of it."""

from __future__ import annotations

from typing import Literal

from .base import Record

Pattern = Literal["", "dense", "unstructured", "n:m", "block", "channels", "heads", "mixed"]
"""How zeros lie; thresholds in `xbench.onnxfile.patterns`. Empty in records that are older than this.

`channels` and `heads` are zeroed and still there: nobody gains before they are removed. Removed ones leave no zeros.
"""


class LayerAudit(Record):
    """The zeros of one weight: the constant operand of a matrix product or a convolution.

    `outputs` and `inputs` are its widths (channels, neurons), all groups together; `zero_outputs` and `zero_inputs`
    count those whose weights are all zero (a bias may still be there). `output_alignment` and `input_alignment` are
    the largest power of two, up to 64, that divides the width.

    `valid_2_4`: in each group of four consecutive weights along the reduced axis at least two are zero; None where
    that axis is not a multiple of four. `holds` are those of 1:2, 1:4, 2:4 and 4:8 that hold in this sense.
    `n_m` is the N:M pattern that the zeros were made by, such as `2:4`; empty where there is none. `block` is the
    largest block, outputs x inputs, in which all zeros come; None where there is none.

    `heads` and `zero_heads` count attention heads where the graph shows that the outputs are split into them; where
    Q, K and V are one product, those of each count.
    `unmerged_mask` names the constant of zeros and ones that the graph multiplies the weight by: the zeros are
    counted as if that were done, and the runtime multiplies each time, or folds it. `dtype` is that of the weight
    as it is stored, or as a QuantizeLinear node narrows it. `module` is the PyTorch layer's dotted name, where known.

    In older records the fields with a default have it.
    """

    node: str
    op_type: str
    weight: str
    shape: tuple[int, ...]
    elements: int
    zeros: int
    zero_outputs: int
    valid_2_4: bool | None
    dtype: str = ""
    outputs: int = 0
    inputs: int = 0
    zero_inputs: int = 0
    output_alignment: int = 0
    input_alignment: int = 0
    holds: tuple[str, ...] = ()
    n_m: str = ""
    block: tuple[int, int] | None = None
    heads: int | None = None
    zero_heads: int = 0
    pattern: Pattern = ""
    unmerged_mask: str = ""
    module: str = ""

    @property
    def sparsity(self) -> float:
        """The share of zeros, 0 to 1."""
        return self.zeros / self.elements if self.elements else 0.0


class SparsityAudit(Record):
    """The zeros of a whole ONNX file. `elements` and `zeros` count the weights of `layers`.

    A weight that several nodes share counts once. `parameters` counts every float initializer or constant.
    `pattern` is that of the file as a whole. `missing_modules` are the PyTorch layers whose weights are not in the
    file at all: exporters leave out what no output depends on.
    """

    layers: tuple[LayerAudit, ...]
    elements: int
    zeros: int
    parameters: int
    denormals: int
    pattern: Pattern = ""
    missing_modules: tuple[str, ...] = ()

    @property
    def sparsity(self) -> float:
        """The share of zeros among the weights, 0 to 1; 0 for a file without weights."""
        return self.zeros / self.elements if self.elements else 0.0

    @property
    def precision(self) -> str:
        """The dtype that holds most of the weights; empty where there are none, or in an older record."""
        elements: dict[str, int] = {}
        for layer in self.layers:
            elements[layer.dtype] = elements.get(layer.dtype, 0) + layer.elements
        return max(elements, key=lambda dtype: elements[dtype], default="")


class OptimisedAudit(Record):
    """The zeros of the graph that the runtime made of a file, held against the file's.

    `followed` of `weights` weights were found again with all their zeros, and their N:M pattern where they had one;
    `zeros` of the file's `file_zeros` are theirs. `unfollowed` tells each weight that could not be found, and why.
    `note` is why there is nothing to look at, or what was seen besides; then the counts may be 0.
    """

    weights: int = 0
    followed: int = 0
    file_zeros: int = 0
    zeros: int = 0
    unfollowed: tuple[str, ...] = ()
    note: str = ""
