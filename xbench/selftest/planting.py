"""What is planted: a model, its copy, and the model with 5 % more work, as a suite over three files."""

from __future__ import annotations

from pathlib import Path

from ..onnxfile.known_work import write_known_work
from ..store.files import storing
from ..suite.loading import LoadedSuite
from ..suite.model import MeasureSpec, Suite, VariantSpec

KNOWN, COPY, PLANTED = "known", "copy", "planted"
_LAYERS = {KNOWN: 20, COPY: 20, PLANTED: 21}

SLOWDOWN = _LAYERS[PLANTED] / _LAYERS[KNOWN] - 1
"""How much longer the planted model takes: 0.05 is 5 %."""

EXPECTED = 1 / (1 + SLOWDOWN)
"""The planted model's speedup in truth."""

BUDGET_SECONDS = 30.0
"""The budget of `compare`, so that what is found here holds there."""

# Smaller than any interval gets: the whole budget is used, and what it can show is known.
_PRECISION = 0.001


def plant(folder: Path) -> LoadedSuite:
    """Write the three files into the folder, and give the suite that compares them. Raises StoreError."""
    with storing(folder):
        for name, layers in _LAYERS.items():
            write_known_work(folder / f"{name}.onnx", layers)
    suite = Suite(
        schema="xbench.suite/1",
        name="self-test",
        variants=tuple(VariantSpec(name=name, baseline=name == KNOWN, onnx=f"{name}.onnx") for name in _LAYERS),
        measure=MeasureSpec(budget=BUDGET_SECONDS, precision=_PRECISION),
    )
    text = suite.model_dump_json(by_alias=True, exclude_defaults=True, indent=1) + "\n"
    return LoadedSuite(suite, folder, text)
