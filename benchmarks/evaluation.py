"""Evaluation against a plain loop over ONNX Runtime: which share of the loop's throughput xbench keeps.

    python benchmarks/evaluation.py                       digits and MiniLM; --json for data, --only digits for one
    python benchmarks/evaluation.py --rounds 20 --seconds 2

The loop runs in one process, on inputs that are made before, with the session options of the profile `cpu`, and keeps
all outputs. xbench's time holds all that a run does with the same batches: reading, tokenizing, feeding a worker, the
checks for NaN, what the task keeps of the outputs, and the file that it is kept in. Neither holds what it takes until
the model is loaded; that is told beside, for a worker. Blocks of both take turns in random order, so that a busy
machine slows both; the ratio of each round is one figure, and the interval is Student's over rounds.

Needs xbench with its extras `torch` and `optimum`, scikit-learn, and the package of all-MiniLM-L6-v2.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from xbench.artifacts.describing import describe
from xbench.measure.inspection import LoadedModel, loaded
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.protocols import Outputs
from xbench.quality.evaluation import evaluate_loaded
from xbench.quality.tasks import Batch, Task
from xbench.records.artifact import Artifact, TensorSpec
from xbench.road.opening import task_of
from xbench.store.spool import spooling
from xbench.suite.loading import load_suite

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SUITES = {"digits": "digits.yaml", "minilm": "minilm.yaml"}
CONFIDENCE = 0.95


@dataclass
class Again:
    """A task whose data come several times over: small data last as long as a block must."""

    task: Task
    passes: int

    @property
    def rows(self) -> int:
        return self.task.rows * self.passes

    def feeds(self, inputs: Sequence[TensorSpec]) -> Iterator[Batch]:
        for _ in range(self.passes):
            yield from self.task.feeds(inputs)

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        return self.task.reduce(batch, outputs)


def plain_loop(session, feeds: list[dict], passes: int) -> float:
    """Seconds of the loop that most people write."""
    start = time.perf_counter()
    kept = [session.run(None, feed) for _ in range(passes) for feed in feeds]
    seconds = time.perf_counter() - start
    assert len(kept) == passes * len(feeds)
    return seconds


def xbench_pass(model: LoadedModel, task: Again, artifact: Artifact, folder: Path) -> float:
    """Seconds of what a run does with the same batches."""
    start = time.perf_counter()
    with spooling(folder / "kept") as writer:
        evaluate_loaded(model, task, artifact, writer.add, lambda done, rows: None)
    return time.perf_counter() - start


def exported(name: str, folder: Path) -> Path:
    """The suite's dense model as an ONNX file."""
    suite = str(EXAMPLES / SUITES[name])
    command = [sys.executable, "-m", "xbench", "export", suite, "--variant", "dense", "--trust", "--quiet"]
    subprocess.run([*command, "--output", str(folder / name)], check=True, stdout=subprocess.DEVNULL)
    return folder / name / "dense.onnx"


def measured(name: str, folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    """All rounds on one model."""
    path = exported(name, folder)
    artifact, profile = describe(path, "dense"), all_profiles()["cpu"]
    task = task_of(load_suite(EXAMPLES / SUITES[name]), trusted=True)
    feeds = [dict(batch.feeds) for batch in task.feeds(artifact.signature.inputs)]
    kind = runner_class("cpu")
    kind.warm_import()
    begun = time.perf_counter()
    with kind(path, "dense", profile) as runner, loaded(path, "dense", profile, 600.0) as model:
        load_seconds = time.perf_counter() - begun
        runner.load()
        session = runner._session
        plain_loop(session, feeds, 1)
        passes = max(1, math.ceil(seconds / plain_loop(session, feeds, 1)))
        again = Again(task, passes)
        xbench_pass(model, again, artifact, folder)
        plain, ours = [], []
        for _ in range(rounds):
            for which in random.sample(("plain", "xbench"), 2):
                if which == "plain":
                    plain.append(plain_loop(session, feeds, passes))
                else:
                    ours.append(xbench_pass(model, again, artifact, folder))
    return {
        **ratio(np.asarray(plain), np.asarray(ours)),
        "examples_per_s": {
            "plain": task.rows * passes / float(np.median(plain)),
            "xbench": task.rows * passes / float(np.median(ours)),
        },
        "ms_per_batch": float(np.median(plain)) * 1000 / (passes * len(feeds)),
        "batches_per_block": passes * len(feeds),
        "rounds": rounds,
        "worker_load_s": load_seconds,
    }


def ratio(plain: np.ndarray, ours: np.ndarray) -> dict[str, float]:
    """The throughput of xbench over the plain loop's: the geometric mean over rounds, and its interval."""
    logs = np.log(plain / ours)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return {
        "ratio": float(np.exp(logs.mean())),
        "low": float(np.exp(logs.mean() - half)),
        "high": float(np.exp(logs.mean() + half)),
        "confidence": CONFIDENCE,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=tuple(SUITES))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="how long a block of the plain loop lasts at least"
    )
    asked = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in [asked.only] if asked.only else SUITES:
            found[name] = measured(name, Path(folder), asked.rounds, asked.seconds)
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    for name, one in found.items():
        rates = one["examples_per_s"]
        print(
            f"{name}: {one['ratio']:.3f} of the plain loop's throughput ({one['low']:.3f} to {one['high']:.3f}, "
            f"{one['rounds']} rounds); {rates['xbench']:.0f} and {rates['plain']:.0f} examples/s, "
            f"{one['ms_per_batch']:.2f} ms a batch; a worker takes {one['worker_load_s']:.1f} s to load"
        )


if __name__ == "__main__":
    main()
