"""What examples scored, and what is known of the examples, as `.npz` files that NumPy alone reads.

`xbench.scores/2`: `meta` (JSON), `metric_0`, `metric_1`, ... in the order of `meta.metrics`, and those of `answers`,
`right`, `confidence` and `divergence` that there are. Files from before have one array by the name of each metric.
`xbench.examples/1`: `meta`, `ids`, and `labels` and `slice_0`, `slice_1`, ... where there are any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..records.quality import ExampleFacts, ExampleScores
from .files import reading_npz, write_whole

_SCORES = "xbench.scores/2"
_EXAMPLES = "xbench.examples/1"
_DIVERGENCES = ("", "kl", "cosine")
# Arrays of one number for each example, and NumPy's kind of it.
_OPTIONAL = {"answers": "i", "right": "b", "confidence": "f", "divergence": "f"}


def write_scores(path: Path, scores: ExampleScores) -> None:
    """Keep the scores, whole or not at all. Raises StoreError."""
    meta = {
        "schema": _SCORES,
        "variant": scores.variant,
        "hardware": scores.hardware,
        "dataset": scores.dataset_sha256,
        "metrics": list(scores.metrics),
        "failed": {str(index): reason for index, reason in scores.failed.items()},
        "divergence_kind": scores.divergence_kind,
    }
    arrays = {f"metric_{number}": values for number, values in enumerate(scores.metrics.values())}
    optional = {name: getattr(scores, name) for name in _OPTIONAL}
    _write(path, meta, arrays | {name: array for name, array in optional.items() if array is not None})


def read_scores(path: Path) -> ExampleScores:
    """The scores of a file, of this form or the one before. Raises StoreError where it is damaged or another."""
    with reading_npz(path, "scores") as content:
        meta = json.loads(str(content["meta"]))
        if "schema" not in meta:
            metrics = {name: content[name] for name in content.files if name != "meta"}
            _require_lengths(metrics)
            return ExampleScores(meta["variant"], meta["hardware"], meta["dataset"], metrics)
        _require_schema(meta, _SCORES)
        metrics = {name: _floats(content[f"metric_{number}"]) for number, name in enumerate(meta["metrics"])}
        optional = {name: _of_kind(content[name], kind) for name, kind in _OPTIONAL.items() if name in content.files}
        count = _require_lengths(metrics | optional)
        if meta["divergence_kind"] not in _DIVERGENCES:
            raise ValueError(f"the divergence is of the kind {meta['divergence_kind']!r}")
        return ExampleScores(
            variant=meta["variant"],
            hardware=meta["hardware"],
            dataset_sha256=meta["dataset"],
            metrics=metrics,
            failed=_failed(meta["failed"], count),
            divergence_kind=meta["divergence_kind"],
            **optional,
        )


def write_examples(path: Path, examples: ExampleFacts) -> None:
    """Keep what is known of the examples, whole or not at all. Raises StoreError."""
    meta = {"schema": _EXAMPLES, "classes": list(examples.classes), "slices": list(examples.slices)}
    arrays: dict[str, NDArray[Any]] = {"ids": np.asarray(examples.ids, dtype=np.str_)}
    if examples.labels is not None:
        arrays["labels"] = examples.labels
    arrays |= {f"slice_{number}": inside for number, inside in enumerate(examples.slices.values())}
    _write(path, meta, arrays)


def read_examples(path: Path) -> ExampleFacts:
    """What is known of the examples. Raises StoreError where the file is damaged or another."""
    with reading_npz(path, "examples") as content:
        meta = json.loads(str(content["meta"]))
        _require_schema(meta, _EXAMPLES)
        ids = _of_kind(content["ids"], "U")
        labels = _of_kind(content["labels"], "i") if "labels" in content.files else None
        slices = {name: _of_kind(content[f"slice_{number}"], "b") for number, name in enumerate(meta["slices"])}
        _require_lengths({"ids": ids, **({} if labels is None else {"labels": labels}), **slices})
        return ExampleFacts(ids, labels, tuple(map(str, meta["classes"])), slices)


def _write(path: Path, meta: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> None:
    text = np.asarray(json.dumps(meta))
    write_whole(path, lambda file: np.savez_compressed(file, allow_pickle=False, meta=text, **arrays))


def _require_schema(meta: Mapping[str, object], known: str) -> None:
    if meta["schema"] != known:
        raise ValueError(f"it has the schema {meta['schema']!r}; known is {known}")


def _floats(array: NDArray[Any]) -> NDArray[np.float64]:
    if array.dtype != np.float64 or array.ndim not in (1, 2):
        raise ValueError(f"scores are {array.dtype} {array.shape}")
    return array


def _of_kind(array: NDArray[Any], kind: str) -> NDArray[Any]:
    if array.dtype.kind != kind or array.ndim != 1:
        raise ValueError(f"an array is {array.dtype} {array.shape}")
    return array


def _require_lengths(arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many examples all of these arrays have."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) != 1:
        raise ValueError("arrays differ in length: " + ", ".join(f"{name} {n}" for name, n in counts.items()))
    return next(iter(counts.values()))


def _failed(told: Mapping[str, object], count: int) -> dict[int, str]:
    failed = {int(index): str(reason) for index, reason in told.items()}
    if any(not 0 <= index < count for index in failed):
        raise ValueError("an example that failed is none of the examples")
    return failed
