"""Makes a suite out of a few ONNX files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..onnxfile.inputs import plan_inputs
from ..onnxfile.npz import load_sets
from ..onnxfile.opening import open_model
from ..onnxfile.signature import SAME_INPUTS, same_signature, signature
from ..report.text import visible
from ..suite.loading import LoadedSuite
from ..suite.model import MeasureSpec, Suite, VariantSpec, WorkloadSpec


def suite_of(base: Path, candidates: Sequence[Path], shapes: Mapping[str, tuple[int, ...]]) -> LoadedSuite:
    """The suite that compares these files. Its text is its own JSON, which is YAML too.

    Paths in it start from the folder that all files have in common: a record tells nobody where they lay.
    """
    files = [base, *candidates]
    places = [Path(os.path.realpath(file.parent)) / file.name for file in files]
    common = Path(os.path.commonpath([place.parent for place in places]))
    variants = tuple(
        VariantSpec(name=name, baseline=index == 0, onnx=str(place.relative_to(common)))
        for index, (name, place) in enumerate(zip(_names(files), places, strict=True))
    )
    suite = Suite(
        schema="xbench.suite/1",
        name="compare",
        variants=variants,
        workloads=(WorkloadSpec(name="default", shapes=dict(shapes)),),
        measure=MeasureSpec(budget=30.0),
    )
    text = suite.model_dump_json(by_alias=True, exclude_defaults=True, indent=1) + "\n"
    return LoadedSuite(suite, common, text)


def _names(files: Sequence[Path]) -> list[str]:
    """File names; whole paths where two files have the same name; numbered where a file comes twice."""
    short = [visible(file.name)[-60:] or "model" for file in files]
    if len(set(short)) < len(short):
        short = [visible(str(file))[-60:] for file in files]
    return [
        name if name not in short[:i] else f"{name} #{short[: i + 1].count(name)}" for i, name in enumerate(short)
    ]


def check_files(loaded: LoadedSuite, inputs: Sequence[Path]) -> None:
    """Refuse before anything is run or written: files that cannot be used or compared, inputs that cannot be made."""
    models = {v.name: open_model(loaded.path(v.onnx)) for v in loaded.suite.variants if v.onnx is not None}
    (first, base), *others = models.items()
    for name, model in others:
        difference = same_signature(signature(base), signature(model))
        if difference is not None:
            asked = f"{name} cannot be compared with {first}: their inputs differ"
            raise InputError(asked, difference, SAME_INPUTS)
    if inputs:
        load_sets(inputs, signature(base))
        return
    workload = loaded.suite.workloads[0]
    plan_inputs(base, workload.shapes, workload.batch, workload.axes)
