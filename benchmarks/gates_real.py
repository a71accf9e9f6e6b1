"""A gate whose bound is what was measured: decided again from the same records, and measured anew."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import yaml
from asking import TIME_LIMIT, XBENCH, Said, ask
from onnx import TensorProto, helper, numpy_helper
from paging import Row

from xbench.records.run_record import RunRecord
from xbench.store.folder import ResultsFolder, RunFolder

_INPUTS, _OUTPUTS, _BATCH = 256, 16, 16
_WIDTHS = {"dense": 1024, "half": 512}
_AGAIN = 2
_SELDOM = 5  # runs with further looks take three times as long: one of them for so many others
_VERDICTS = {0: "pass", 1: "fail", 3: "inconclusive", 4: "invalid"}


def borderline(times: int, budget: str) -> Iterator[Row]:
    """How often each verdict came: from the same records, measured anew, and measured anew with further looks.

    Each look has `budget`, such as 8s. Raises RuntimeError where a run gave no verdict.
    """
    with tempfile.TemporaryDirectory(prefix="xbench-gates-") as place:
        folder = Path(place)
        for name, width in _WIDTHS.items():
            _write_model(folder / f"{name}.onnx", width)
        point, edge = _bounds(_run(folder, {}, budget)[1])
        further = {"policy": {"again": {"times": _AGAIN, "budget": budget}}}
        cases = (
            ("the measured speedup", point, {}, times),
            ("where it just passed", edge, {}, times),
            (f"the same, up to {_AGAIN} further looks", edge, further, max(1, times // _SELDOM)),
        )
        for what, bound, policy, runs in cases:
            suite = {"gate": {"min_speedup": bound}, **policy}
            run, record = _run(folder, suite, budget)
            first = str(record.outcome)
            same = [_decided(run, folder) for _ in range(times)]
            yield _row(f"{what}: decided again", bound, "-", first, same)
            anew = [str(_run(folder, suite, budget)[1].outcome) for _ in range(runs)]
            yield _row(f"{what}: measured anew", bound, f"{budget} a look", first, anew)


def _bounds(record: RunRecord) -> tuple[float, float]:
    """The speedup of a run, and the highest bound that it passes. Raises RuntimeError where it has none."""
    (comparison,) = record.groups[0].comparisons
    speedup, floor = comparison.speedup, comparison.noise_floor
    if speedup is None or floor is None:
        raise RuntimeError(f"there is no speedup to set the bound to: {'; '.join(comparison.reasons)}")
    return speedup.point, speedup.low / (1 + floor)


def _row(what: str, bound: float, budget: str, first: str, verdicts: list[str]) -> Row:
    return {
        "what": what,
        "bound": bound,
        "times": len(verdicts),
        "budget": budget,
        "first": first,
        "verdicts": dict(Counter(verdicts)),
        "others": sum(verdict != first for verdict in verdicts),
    }


def _write_model(path: Path, width: int) -> None:
    """Three layers of `width` hidden neurons: half of them are worth some three times the speed."""
    generator = np.random.default_rng(0)
    sizes = (_INPUTS, width, width, _OUTPUTS)
    nodes, weights, last = [], [], "x"
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        drawn = generator.standard_normal((rows, columns), dtype=np.float32) / np.sqrt(rows)
        weights.append(numpy_helper.from_array(np.asarray(drawn, np.float32), f"w{number}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [f"m{number}"]))
        nodes.append(helper.make_node("Relu", [f"m{number}"], [f"r{number}"]))
        last = f"r{number}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", _INPUTS])
    y = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["batch", _OUTPUTS])
    graph = helper.make_graph(nodes, "layers", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _run(folder: Path, more: Row, budget: str) -> tuple[RunFolder, RunRecord]:
    """A run of both files on the CPU. Raises RuntimeError where it has no record."""
    suite = {
        "schema": "xbench.suite/1",
        "name": "borderline",
        "variants": [{"name": name, "onnx": f"{name}.onnx", "baseline": name == "dense"} for name in _WIDTHS],
        "workloads": [{"name": f"b{_BATCH}", "batch": _BATCH}],
        "hardware": ["cpu"],
        "measure": {"precision": "0.1%", "budget": budget},  # never so precise: the budget ends each look
        **more,
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    said = _asked(folder, "run", "suite.yaml", "--quiet")
    runs = list(ResultsFolder(folder / "results").runs())
    if not runs or said.exit_code not in _VERDICTS:
        raise RuntimeError(f"xbench run: {said.last_words}")
    return runs[-1], runs[-1].load()


def _decided(run: RunFolder, folder: Path) -> str:
    """What `xbench gate` says of a run, and whether it is what is recorded."""
    said = _asked(folder, "gate", run.path)
    if said.exit_code not in _VERDICTS:
        raise RuntimeError(f"xbench gate: {said.last_words}")
    outcome = _VERDICTS[said.exit_code]
    return f"{outcome}, not as recorded" if "Not as recorded" in said.stdout else outcome


def _asked(folder: Path, *words: str | Path) -> Said:
    return ask((XBENCH, *words), TIME_LIMIT, folder)
