"""Reads process sets of the schema `xbench.samples/1`, which xbench wrote until the schema 2.

Arrays: `meta` (JSON: the set and its runs without samples) and for each run `rN_samples` (all timed calls in
nanoseconds, block after block) and `rN_warmup`. Conditions, the clock's step and the end of the warm-up were
not recorded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..records.measurement import Block, MemoryUse, Placement, Run

SCHEMA = "xbench.samples/1"


def read_runs(meta: dict[str, Any], content: Any) -> tuple[Run, ...]:
    """The runs in an open `.npz` file whose `meta` is that. Raises ValueError where lengths disagree."""
    return tuple(
        _run(meta["number"], one, content[f"r{i}_samples"], content[f"r{i}_warmup"])
        for i, one in enumerate(meta["runs"])
    )


def _run(number: int, meta: dict[str, Any], samples: Any, warmup: Any) -> Run:
    calls = sum(length for _, _, length, _ in meta["blocks"])
    if samples.dtype != np.int64 or samples.shape != (calls,):
        raise ValueError(f"{meta['label']}: {calls} calls in blocks, and samples {samples.dtype} {samples.shape}")
    blocks, start = [], 0
    for round_number, position, length, cpu_ns in meta["blocks"]:
        blocks.append(Block(round_number, position, samples[start : start + length], cpu_ns))
        start += length
    return Run(
        label=meta["label"],
        process_set=number,
        session_ns=meta["session_ns"],
        first_inference_ns=meta["first_inference_ns"],
        warmup_ns=warmup,
        blocks=tuple(blocks),
        memory=MemoryUse.model_validate(meta["memory"]),
        placement=Placement.model_validate(meta["placement"]),
    )
