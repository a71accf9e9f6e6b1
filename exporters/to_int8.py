"""Writes an ONNX file again with 8-bit integers (static Q/DQ), by ONNX Runtime's quantisation tools."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx

from xbench.errors import InputError, InvalidError
from xbench.onnxfile.signature import signature
from xbench.onnxfile.writing import write_graph
from xbench.protocols import Calibration, Feeds, all_finite

from .coarse import coarse_nodes
from .float_source import float_model, tools_of_onnxruntime

HEAVY = ("Conv", "MatMul", "Gemm")
"""The operators whose integer kernels are worth the conversion; all others stay in 32-bit floats."""


class Int8Converter:
    """Static quantisation as Q/DQ: int8 activations by tensor, int8 weights by output channel, symmetric.

    Symmetric weights have the zero point 0, so a weight that is zero stays zero, and 2:4 stays 2:4. The ranges of
    activations are the least and largest values over the calibration data. Clipping them (percentiles, entropy) was
    tried on MiniLM with 64 texts and lost: its few large activations carry what the model computes (recall at 1 fell
    from 0.53 to 0.41 at the 99.99th percentile). A layer whose input would be rounded too coarsely stays in floats.
    """

    def convert(self, source: Path, target: Path, calibration: Calibration | None) -> tuple[str, ...]:
        """Write `target`. Raises InputError without calibration data, or where they do not fit the file's inputs."""
        if calibration is None:
            raise InputError(
                f"{source.name} cannot be converted to int8 without calibration data",
                "the ranges of activations come from real inputs",
                "name a file of them: calibration: {file: inputs.npz}",
            )
        model = float_model(source, "int8")
        batches = _batches(model, calibration)
        with tools_of_onnxruntime(source, "int8"), tempfile.TemporaryDirectory(prefix="xbench-int8-") as folder:
            prepared = _prepared(model, Path(folder))
            heavy = [node.name for node in _nodes(prepared) if node.op_type in HEAVY]
            if not heavy:
                raise InputError(
                    f"{source.name} has nothing to quantise",
                    f"it has no {', '.join(HEAVY)}",
                    "leave int8 out of precisions",
                )
            kept = coarse_nodes(prepared, batches, HEAVY)
            _require_something(source, heavy, kept)
            quantised = Path(folder) / "quantised.onnx"
            _quantise(prepared, quantised, batches, kept)
            write_graph(onnx.load(quantised), target)
        return tuple(_notes(heavy, kept, calibration))


def _nodes(path: Path) -> Sequence[onnx.NodeProto]:
    """The nodes of the main graph, which are the ones that are quantised."""
    return list(onnx.load(path, load_external_data=False).graph.node)


def _batches(model: onnx.ModelProto, calibration: Calibration) -> list[Feeds]:
    """The calibration data, with the file's inputs alone. Raises InputError where one is missing or another type."""
    specs = signature(model).inputs
    for spec in specs:
        for batch in calibration.batches:
            if spec.name not in batch:
                raise InputError(
                    f"The calibration data hold no input {spec.name!r}",
                    f"they hold {', '.join(batch)}",
                    "save it too",
                )
            if batch[spec.name].dtype.name != spec.dtype:
                raise InputError(
                    f"The calibration data of the input {spec.name!r} are {batch[spec.name].dtype}",
                    f"the model wants {spec.dtype}",
                    "save them with that type",
                )
            if not all_finite(batch[spec.name]):
                raise InputError(f"The calibration data of the input {spec.name!r} hold NaN or infinity")
    return [{spec.name: batch[spec.name] for spec in specs} for batch in calibration.batches]


def _prepared(model: onnx.ModelProto, folder: Path) -> Path:
    """The model with names for all nodes, shapes, and what can be folded beforehand folded."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    named, prepared = folder / "named.onnx", folder / "prepared.onnx"
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    onnx.save(model, named)
    quant_pre_process(named, prepared, skip_symbolic_shape=True)
    return prepared


def _quantise(prepared: Path, target: Path, batches: Sequence[Feeds], kept: Sequence[str]) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        prepared,
        target,
        _reader(batches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(HEAVY),
        nodes_to_exclude=list(kept),
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        # A batch at a time, so that not all activations are in memory at once.
        extra_options={"WeightSymmetric": True, "CalibStridedMinMax": 1},
    )


def _reader(batches: Sequence[Feeds]) -> Any:
    """The batches as ONNX Runtime's tools want to read them: any range of them, one after the other."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Feeds] = iter(batches)

        def __len__(self) -> int:
            return len(batches)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._left = iter(batches[start_index:end_index])

        def get_next(self) -> Feeds | None:
            return next(self._left, None)

    return Reader()


def _require_something(source: Path, heavy: Sequence[str], kept: Sequence[str]) -> None:
    if set(heavy) <= set(kept):
        raise InvalidError(
            f"{source.name} cannot be converted to int8",
            "the inputs of all its layers would be rounded too coarsely: each has values far above the others",
            "leave int8 out of precisions, or look at the calibration data",
        )


def _notes(heavy: Sequence[str], kept: Sequence[str], calibration: Calibration) -> Iterator[str]:
    yield f"static Q/DQ, ranges from {calibration.source}"
    if kept:
        shown = ", ".join(kept[:3]) + (", ..." if len(kept) > 3 else "")
        yield f"{len(kept)} of {len(heavy)} layers stay in floats, since int8 is too coarse for their inputs: {shown}"
