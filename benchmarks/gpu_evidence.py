"""All that docs/results.md wants of an NVIDIA GPU, one step after the other; started by scripts/gpu_evidence.sh.

    python benchmarks/gpu_evidence.py OUT [--models DIR] [--only minilm] [--budget 60s]
        [--hardware NAME ...] [--quick]

Steps: doctor and hardware list; the models (evidence_models.py, or `--models`); `xbench compare` of each model's
pruned files with its dense one, on CUDA in fp32, tf32 and fp16, with copies, on bound buffers and as a CUDA graph,
and on TensorRT where libnvinfer is here; PyTorch's semi-structured sparsity as a ceiling; one bundle of all runs.
Each run compares with the CPU's outputs (parity), proves the placement, and records memory and energy. The files
`2to4`, `zeroed` and `unstructured` on CUDA are the negative control: they must show no gain.

`--hardware` names targets for the fp32 files in place of all these, and `--quick` takes tiny models and little time:
to try the script itself where there is no GPU. A step that fails is told in OUT/summary.txt, and the rest goes on. A
comparison has failed where nothing was timed, whatever its status.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import evidence
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import XbenchError
from xbench.machine.sharedlibs import library_folders, majors
from xbench.profiles.finding import all_profiles
from xbench.profiles.matching import availability

HERE = Path(__file__).resolve().parent
XBENCH = (sys.executable, "-m", "xbench")
CUDA = {
    "fp32": ("cuda-fp32", "cuda-fp32-bound", "cuda-tf32", "cuda-tf32-bound"),
    "fp16": ("cuda-fp16", "cuda-fp16-bound", "cuda-fp16-graph"),
}
TENSORRT = {
    "fp32": ("tensorrt-fp32", "tensorrt-tf32", "tensorrt-tf32-sparse"),
    "fp16": ("tensorrt-fp16", "tensorrt-fp16-sparse", "tensorrt-fp16-bound", "tensorrt-fp16-sparse-bound"),
    "int8": ("tensorrt-int8", "tensorrt-int8-sparse"),
}
QUICK_BUDGET = "3s"
# Verdicts of every kind, an invalid case among them, are answers: the tables tell which.
ANSWERS = frozenset(evidence.ANSWERS)
FINE = frozenset({0})


@dataclass(frozen=True)
class Step:
    """A command, what it is for, and which statuses are no failure. `times`: it has to record a run with samples."""

    name: str
    command: Sequence[str]
    fine: frozenset[int] = FINE
    times: bool = False


def targets(named: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Profiles by the precision of the files: those that were named, or all of CUDA's and TensorRT's."""
    if named:
        return {"fp32": tuple(named)}
    found = {precision: CUDA.get(precision, ()) for precision in evidence.SUFFIX}
    if 10 in majors("libnvinfer", library_folders(sys.path)):
        found = {precision: (*names, *TENSORRT[precision]) for precision, names in found.items()}
    return {precision: tuple(_of_this_machine(name) for name in names) for precision, names in found.items() if names}


def _of_this_machine(name: str) -> str:
    """The same setup with the facts of the card that is here, such as h100-cuda-fp32, where there is a profile."""
    for other, profile in all_profiles().items():
        if other.endswith(f"-{name}"):
            try:
                if availability(profile).available:
                    return other
            except XbenchError as error:
                print(f"{other}: {error.reason}", file=sys.stderr)
    return name


def steps(arguments: argparse.Namespace) -> Iterator[Step]:
    """What is done, in this order. The bundle comes after, since it holds what the others have left."""
    out, models = arguments.out, arguments.models or arguments.out / "models"
    nothing_to_mend = FINE | {3, 4}  # doctor and hardware list say what is not usable by their status
    yield Step("doctor", (*XBENCH, "doctor", "--json", str(out / "doctor.json")), nothing_to_mend)
    yield Step("hardware", (*XBENCH, "hardware", "list"), nothing_to_mend)
    if arguments.quick:
        yield from _quick(arguments, models)
        return
    only = [f"--only={name}" for name in arguments.only or ()]
    if arguments.models is None:
        yield Step("models", (sys.executable, str(HERE / "evidence_models.py"), str(models), "--fp16", *only))
    wanted = argparse.Namespace(models=models, budget=arguments.budget, output=out / "results", unstructured=True)
    for model in arguments.only or evidence.MODELS:
        for precision, names in targets(arguments.hardware).items():
            for name in names:  # one run for each target: what one of them loses, the others keep
                command = evidence.command(model, precision, wanted, (name,))
                yield Step(f"{model}-{precision}-on-{name}", command, ANSWERS, times=True)
    yield Step("ceiling", (sys.executable, str(HERE / "semi_structured.py"), "--json", str(out / "ceiling.json")))


def _quick(arguments: argparse.Namespace, models: Path) -> Iterator[Step]:
    files = [str(file) for file in tiny_models(models)]
    for name in arguments.hardware or CUDA["fp32"]:
        command = (*XBENCH, "compare", *files, f"--hardware={name}", f"--budget={QUICK_BUDGET}")
        yield Step(f"tiny-on-{name}", (*command, f"--output={arguments.out / 'results'}"), ANSWERS, times=True)


def tiny_models(folder: Path) -> list[Path]:
    """Two dense layers: as they are, with two of each four weights zero, and with half of the neurons gone."""
    folder.mkdir(parents=True, exist_ok=True)
    made = np.random.default_rng(0)
    first, second = (made.normal(size=(512, 512)).astype(np.float32) / 16 for _ in range(2))
    sparse = first.reshape(-1, 4, 512).copy()
    np.put_along_axis(sparse, np.abs(sparse).argsort(axis=1)[:, :2], 0.0, axis=1)
    variants = {
        "dense": (first, second),
        "2to4": (sparse.reshape(512, 512), second),
        "removed": (first[:, :256], second[:256]),
    }
    return [_saved(folder / f"tiny-{name}.onnx", *weights) for name, weights in variants.items()]


def _saved(path: Path, first: np.ndarray, second: np.ndarray) -> Path:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 512]) for name in "xy")
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], name="first"),
        helper.make_node("Relu", ["h"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "b"], ["y"], name="second"),
    ]
    weights = [numpy_helper.from_array(array, name) for array, name in ((first, "a"), (second, "b"))]
    graph = helper.make_graph(nodes, "tiny", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def bundle(out: Path) -> Step | None:
    """All runs in one file; None where none was recorded."""
    runs = sorted(file.parent.name for file in (out / "results").glob("*/run.json"))
    if not runs:
        return None
    command = (*XBENCH, "results", "export", *runs, "--to", str(out / "bundle.tar.gz"))
    return Step("bundle", (*command, f"--output={out / 'results'}"))


def timed(out: Path) -> set[str]:
    """The recorded runs of which something was timed."""
    records = {file.parent.name: json.loads(file.read_text()) for file in (out / "results").glob("*/run.json")}
    return {name for name, record in records.items() if any(group["sets"] for group in record["groups"])}


def done(step: Step, out: Path) -> str:
    """Make a step, its output to the terminal and into a log. Empty, or why it failed."""
    before = timed(out)
    print(f"\n== {step.name}\n$ {shlex.join(step.command)}", flush=True)
    with (
        (out / "logs" / f"{step.name}.log").open("w") as log,
        subprocess.Popen(step.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            log.write(line)
        status = child.wait()
    if status not in step.fine:
        return f"status {status}, see logs/{step.name}.log"
    return f"nothing was timed, see logs/{step.name}.log" if step.times and timed(out) == before else ""


def main() -> int:
    """Make all steps, write the summary; status 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("--models", type=Path, metavar="DIR", help="what evidence_models.py --fp16 has written")
    parser.add_argument("--only", choices=evidence.MODELS, action="append", help="one of the models; repeatable")
    parser.add_argument("--budget", default="60s", help="time to measure for, on each target")
    parser.add_argument("--hardware", metavar="NAME", action="append", default=[], help="a target; repeatable")
    parser.add_argument("--quick", action="store_true", help="tiny models and little time, to try the script")
    arguments = parser.parse_args()
    (arguments.out / "logs").mkdir(parents=True, exist_ok=True)
    told = [(step.name, done(step, arguments.out)) for step in steps(arguments)]
    last = bundle(arguments.out)
    told.append(("bundle", done(last, arguments.out) if last else "no run was recorded"))
    lines = [f"{'FAILED' if reason else 'ok    '}  {name}{': ' if reason else ''}{reason}" for name, reason in told]
    (arguments.out / "summary.txt").write_text("\n".join(lines) + "\n")
    print("\n== summary\n" + "\n".join(lines))
    return int(any(reason for _, reason in told))


if __name__ == "__main__":
    sys.exit(main())
