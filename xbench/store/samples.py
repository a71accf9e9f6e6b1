"""Raw samples of a process set, as one compressed `.npz` file (schema `xbench.samples/1`).

Arrays: `meta` (JSON: the set and its runs without samples) and for each run `rN_samples` (all timed calls in
nanoseconds, block after block) and `rN_warmup`. Nothing is averaged, so every table can be computed again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StoreError
from ..records.measurement import Block, MemoryUse, Placement, ProcessSet, Run
from .files import reading_npz, write_whole

SCHEMA = "xbench.samples/1"


def write_set(path: Path, one: ProcessSet) -> None:
    """Save a process set."""
    arrays: dict[str, Any] = {}
    runs = []
    for index, run in enumerate(one.runs):
        blocks = [block.samples_ns for block in run.blocks]
        arrays[f"r{index}_samples"] = np.concatenate(blocks) if blocks else np.zeros(0, np.int64)
        arrays[f"r{index}_warmup"] = run.warmup_ns
        runs.append(_run_meta(run))
    meta = {
        "schema": SCHEMA,
        "number": one.number,
        "failures": one.failures,
        "seconds": one.seconds,
        "steal_share": one.steal_share,
        "load_average": one.load_average,
        "runs": runs,
    }
    arrays["meta"] = np.asarray(json.dumps(meta))
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def _run_meta(run: Run) -> dict[str, Any]:
    return {
        "label": run.label,
        "session_ns": run.session_ns,
        "first_inference_ns": run.first_inference_ns,
        "memory": run.memory.model_dump(),
        "placement": run.placement.model_dump(),
        "blocks": [[b.round, b.position, len(b.samples_ns), b.cpu_ns] for b in run.blocks],
    }


def read_set(path: Path) -> ProcessSet:
    """Read back what `write_set` wrote, bit for bit. Raises StoreError where the file is damaged."""
    with reading_npz(path, "samples") as content:
        meta = json.loads(str(content["meta"]))
        if meta["schema"] != SCHEMA:
            raise StoreError(f"{path.name} has samples of schema {meta['schema']!r}; known is {SCHEMA}")
        runs = tuple(
            _run(meta["number"], one, content[f"r{i}_samples"], content[f"r{i}_warmup"])
            for i, one in enumerate(meta["runs"])
        )
        return ProcessSet(
            number=meta["number"],
            runs=runs,
            failures=meta["failures"],
            seconds=meta["seconds"],
            steal_share=meta["steal_share"],
            load_average=meta["load_average"],
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
