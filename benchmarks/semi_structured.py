"""What 2:4 sparse tensor cores give at best: PyTorch's semi-structured sparsity at the models' matrix shapes.

    python benchmarks/semi_structured.py [--json FILE] [--tokens 128 --tokens 4096]

NOT ONNX Runtime: single products of a dense input with a weight that `torch.sparse.to_sparse_semi_structured` made,
by cuSPARSELt, against the same dense product by cuBLAS, in fp16 and int8. Nothing of a model is around them, so it is
a ceiling for what a runtime could make of 2:4, never a speedup of a model. Needs an NVIDIA GPU of compute capability
8.0 or later and PyTorch with CUDA; times are CUDA events over blocks, dense and sparse in turns. Never run yet.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.sparse import to_sparse_semi_structured

# (outputs, inputs) of the linear layers: MiniLM (384 wide), BERT-base (768 wide), and one that is large.
WEIGHTS = ((384, 384), (1536, 384), (384, 1536), (768, 768), (3072, 768), (768, 3072), (4096, 4096))
TOKENS = (128, 4096)
ROUNDS, WARM_UP, CALLS = 20, 20, 50


@dataclass(frozen=True)
class Row:
    """One product. Times are medians over the blocks; the ratio is the median of those within a round."""

    runtime: str
    precision: str
    tokens: int
    outputs: int
    inputs: int
    dense_us: float
    sparse_us: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float


def two_of_four(outputs: int, inputs: int) -> torch.Tensor:
    """A random fp16 weight on the GPU with the two smallest of each four set to zero."""
    weight = torch.randn(outputs, inputs, device="cuda", dtype=torch.float16)
    groups = weight.reshape(-1, 4)
    smallest = groups.abs().argsort(dim=1)[:, :2]
    return groups.scatter(1, smallest, 0.0).reshape(outputs, inputs).contiguous()


def halves(tokens: int, outputs: int, inputs: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The dense and the sparse product in fp16, checked against each other."""
    weight, data = two_of_four(outputs, inputs), torch.randn(tokens, inputs, device="cuda", dtype=torch.float16)
    sparse = to_sparse_semi_structured(weight)
    linear = torch.nn.functional.linear
    torch.testing.assert_close(linear(data, sparse), linear(data, weight), rtol=2e-2, atol=2e-1)
    return lambda: linear(data, weight), lambda: linear(data, sparse)


def integers(tokens: int, outputs: int, inputs: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same in int8, which both multiply into 32 bits; the sparse one puts out 8, 16 or 32 bits as it likes."""
    weight = (two_of_four(outputs, inputs) * 20).to(torch.int8)
    data = torch.randint(-9, 9, (tokens, inputs), device="cuda", dtype=torch.int8)
    sparse, turned = to_sparse_semi_structured(weight), data.t()
    return lambda: torch._int_mm(weight, turned), lambda: torch.mm(sparse, turned)


def block_us(call: Callable[[], object]) -> float:
    """Microseconds of one call, over a block of them, by the device's own clock."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(CALLS):
        call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1000 / CALLS


def measured(precision: str, tokens: int, outputs: int, inputs: int) -> Row:
    """Both products, block by block in turns."""
    dense, sparse = (halves if precision == "fp16" else integers)(tokens, outputs, inputs)
    for _ in range(WARM_UP):
        dense()
        sparse()
    rounds = [
        (block_us(dense), block_us(sparse)) if number % 2 else (block_us(sparse), block_us(dense))[::-1]
        for number in range(ROUNDS)
    ]
    ratios = [one / other for one, other in rounds]
    return Row(
        runtime=f"PyTorch {torch.__version__}, not ONNX Runtime",
        precision=precision,
        tokens=tokens,
        outputs=outputs,
        inputs=inputs,
        dense_us=statistics.median(one for one, _ in rounds),
        sparse_us=statistics.median(other for _, other in rounds),
        ratio=statistics.median(ratios),
        lowest_ratio=min(ratios),
        highest_ratio=max(ratios),
    )


def rows(tokens: list[int], failures: list[str]) -> Iterator[Row]:
    """All products; what PyTorch or the GPU has no kernel for goes to `failures`, and the others go on."""
    for precision in ("fp16", "int8"):
        for count in tokens:
            for outputs, inputs in WEIGHTS:
                try:
                    yield measured(precision, count, outputs, inputs)
                except (RuntimeError, NotImplementedError, AssertionError) as error:
                    told = str(error).strip().splitlines()[0]
                    failures.append(f"{precision} {count}x{inputs} by {outputs}: {told}")


def main() -> int:
    """Print a line for each product; status 1 where there is no GPU, or a product failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--tokens", type=int, action="append")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} sees no NVIDIA GPU: nothing was measured", file=sys.stderr)
        return 1
    torch.manual_seed(0)
    failures: list[str] = []
    found = []
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}: NOT ONNX Runtime")
    for row in rows(arguments.tokens or list(TOKENS), failures):
        found.append(row)
        print(
            f"{row.precision} {row.tokens:5d}x{row.inputs:<5d} by {row.outputs:5d}: dense {row.dense_us:8.1f} us, "
            f"2:4 {row.sparse_us:8.1f} us, {row.ratio:.2f}x ({row.lowest_ratio:.2f} to {row.highest_ratio:.2f})",
            flush=True,
        )
    for told in failures:
        print(f"failed: {told}", file=sys.stderr)
    if arguments.json:
        device = torch.cuda.get_device_name()
        text = json.dumps({"device": device, "rows": [asdict(row) for row in found], "failures": failures}, indent=1)
        arguments.json.write_text(text + "\n")
    return int(bool(failures) or not found)


if __name__ == "__main__":
    sys.exit(main())
