"""Raw samples of a process set, as one compressed `.npz` file of columns (schema `xbench.samples/2`).

Column by column, one row for each block of each run, in the order in which the runs are listed:
`block_run` (index into `meta.runs`), `block_round`, `block_position`, `block_calls`, `block_cpu_ns`,
`block_offered_per_s` (NaN: none), and `block_NAME` for each of the `Conditions` (-1: not known). `samples_ns`
holds all timed calls, block after block, and `warmup_ns` all calls of the warm-ups, run after run: as the
smallest unsigned integers that hold them, and read back as int64. `meta` is JSON: the set, and its runs
without samples. Nothing is averaged, so every table can be computed again. docs/records.md is the reference.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..records.measurement import Block, Conditions, MemoryUse, Placement, ProcessSet, Run, Samples
from . import samples_v1
from .files import reading_npz, write_whole

SCHEMA = "xbench.samples/2"
_CONDITIONS = tuple(field.name for field in dataclasses.fields(Conditions))
_UNKNOWN = -1


def write_set(path: Path, one: ProcessSet) -> None:
    """Save a process set."""
    blocks = [(index, block) for index, run in enumerate(one.runs) for block in run.blocks]
    meta = {
        "schema": SCHEMA,
        "number": one.number,
        "failures": one.failures,
        "seconds": one.seconds,
        "steal_share": one.steal_share,
        "load_average": one.load_average,
        "runs": [_run_meta(run) for run in one.runs],
    }
    arrays: dict[str, Any] = {
        "meta": np.asarray(json.dumps(meta)),
        "samples_ns": _joined([block.samples_ns for _, block in blocks]),
        "warmup_ns": _joined([run.warmup_ns for run in one.runs]),
        "block_run": _column([index for index, _ in blocks]),
        "block_round": _column([block.round for _, block in blocks]),
        "block_position": _column([block.position for _, block in blocks]),
        "block_calls": _column([len(block.samples_ns) for _, block in blocks]),
        "block_cpu_ns": _column([block.cpu_ns for _, block in blocks]),
        "block_offered_per_s": np.asarray(
            [np.nan if block.offered_per_s is None else block.offered_per_s for _, block in blocks], np.float64
        ),
    }
    for name in _CONDITIONS:
        arrays[f"block_{name}"] = _column([_condition(block, name) for _, block in blocks])
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def _column(values: list[int]) -> NDArray[np.int64]:
    return np.asarray(values, np.int64)


def _condition(block: Block, name: str) -> int:
    value = None if block.conditions is None else getattr(block.conditions, name)
    return _UNKNOWN if value is None else int(value)


def _joined(parts: list[Samples]) -> NDArray[Any]:
    """All of them in a row, in as few bytes as hold the largest."""
    whole = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    if whole.size and whole.min() < 0:
        return whole
    return whole.astype(np.min_scalar_type(int(whole.max(initial=0))))


def _run_meta(run: Run) -> dict[str, Any]:
    return {
        "label": run.label,
        "session_ns": run.session_ns,
        "first_inference_ns": run.first_inference_ns,
        "warmup_calls": len(run.warmup_ns),
        "settled": run.settled,
        "clock_tick_ns": run.clock_tick_ns,
        "energy_reason": run.energy_reason,
        "notes": run.notes,
        "memory": run.memory.model_dump(),
        "placement": run.placement.model_dump(),
    }


def read_set(path: Path) -> ProcessSet:
    """Read back what was written, bit for bit; older schemas too. Raises StoreError where the file is damaged."""
    with reading_npz(path, "samples") as content:
        meta = json.loads(str(content["meta"]))
        if meta["schema"] == samples_v1.SCHEMA:
            runs = samples_v1.read_runs(meta, content)
        elif meta["schema"] == SCHEMA:
            runs = _runs(meta, {name: content[name] for name in content.files if name != "meta"})
        else:
            known = f"{SCHEMA}, {samples_v1.SCHEMA}"
            raise StoreError(f"{path.name} has samples of schema {meta['schema']!r}; known are {known}")
        return ProcessSet(
            number=meta["number"],
            runs=runs,
            failures=meta["failures"],
            seconds=meta["seconds"],
            steal_share=meta["steal_share"],
            load_average=meta["load_average"],
        )


def _runs(meta: dict[str, Any], columns: dict[str, NDArray[Any]]) -> tuple[Run, ...]:
    samples = _split(columns["samples_ns"], columns["block_calls"], "samples")
    warmup_calls = _column([run["warmup_calls"] for run in meta["runs"]])
    warmups = _split(columns["warmup_ns"], warmup_calls, "warm-ups")
    rows = len(samples)
    uneven = sorted(name for name, array in columns.items() if name.startswith("block_") and array.shape != (rows,))
    if uneven:
        raise ValueError(f"{rows} blocks, and other lengths of {', '.join(uneven)}")
    of_block = {name: array.tolist() for name, array in columns.items() if name.startswith("block_")}
    blocks: list[list[Block]] = [[] for _ in meta["runs"]]
    for row, run in enumerate(of_block["block_run"]):
        blocks[run].append(_block(of_block, row, samples[row]))
    return tuple(
        _run(meta["number"], one, warmup, tuple(of_run))
        for one, warmup, of_run in zip(meta["runs"], warmups, blocks, strict=True)
    )


def _split(whole: NDArray[Any], lengths: NDArray[Any], what: str) -> list[Samples]:
    if whole.dtype.kind not in "ui" or whole.shape != (int(lengths.sum()),) or (lengths < 0).any():
        raise ValueError(f"{int(lengths.sum())} {what} by their lengths, and {whole.dtype} {whole.shape}")
    return np.split(whole.astype(np.int64), np.cumsum(lengths)[:-1]) if len(lengths) else []


def _block(columns: dict[str, list[Any]], row: int, samples: Samples) -> Block:
    known = {name: columns[f"block_{name}"][row] for name in _CONDITIONS}
    offered = columns["block_offered_per_s"][row]
    return Block(
        round=columns["block_round"][row],
        position=columns["block_position"][row],
        samples_ns=samples,
        cpu_ns=columns["block_cpu_ns"][row],
        conditions=None if known["wall_ns"] == _UNKNOWN else _conditions(known),
        offered_per_s=None if np.isnan(offered) else offered,
    )


def _conditions(known: dict[str, int]) -> Conditions:
    rest = {name: None if value == _UNKNOWN else value for name, value in known.items() if name != "wall_ns"}
    return Conditions(wall_ns=known["wall_ns"], **rest)


def _run(number: int, meta: dict[str, Any], warmup: Samples, blocks: tuple[Block, ...]) -> Run:
    return Run(
        label=meta["label"],
        process_set=number,
        session_ns=meta["session_ns"],
        first_inference_ns=meta["first_inference_ns"],
        warmup_ns=warmup,
        blocks=blocks,
        memory=MemoryUse.model_validate(meta["memory"]),
        placement=Placement.model_validate(meta["placement"]),
        settled=meta["settled"],
        clock_tick_ns=meta["clock_tick_ns"],
        energy_reason=meta["energy_reason"],
        notes=tuple(meta["notes"]),
    )
