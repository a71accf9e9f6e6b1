"""Whether measuring again can make a pass: simulated, and on a real borderline case.

    python benchmarks/gates.py [--only errors] [--only power] [--json results/gate_statistics.json]
    python benchmarks/gates.py --real [--times 20] [--budget 5s]
    python benchmarks/gates.py --page [--check]

Sections: `errors` (the true speedup is the bound itself: how often a gate passes or fails by mistake, after so many
looks), `power` (the true speedup is beside the bound: how often it is decided, and what that takes). Nothing is timed
there: the figures are the same on each machine with the same versions of NumPy and SciPy. `--quick` takes a few
repetitions, to see whether it works.

With `--real` a gate's bound is set to what was measured: it is decided again from the same records, and measured
anew, so many times each. Run it on a machine where nothing else runs: with the defaults it takes some nine minutes.
With --page the tables of docs/gate-statistics.md are written from the file, and nothing is run.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
from gates_page import JSON, PAGE, SECTIONS, filled
from gates_real import borderline
from gates_simulation import (
    CONFIDENCES,
    LOOKS,
    MOST,
    WORLDS,
    Ended,
    Samples,
    drawn,
    ends,
    fresh,
    joined,
    naive,
    once,
    split,
)
from paging import Kept, Row, write_page
from simulating import keep_sections, refuse_kept_trial, section_parser

from xbench.machine.fingerprint import fingerprint

SCHEMA = "xbench.gate-statistics/1"
BESIDE = (-0.05, -0.02, -0.01, 0.01, 0.02, 0.05)
REPETITIONS = 40_000


def share(ended: Ended, verdict: int) -> float:
    """How often it came to that."""
    return float((ended.verdict == verdict).mean())


def mistakes(ended: Ended) -> Row:
    """The true speedup being the bound itself, passes and fails are mistakes alike."""
    return {"wrong_pass": share(ended, 1), "wrong_fail": share(ended, -1), "sets": float(ended.sets.mean())}


def of_errors(quick: bool) -> Iterator[Row]:
    """The true speedup is the bound: how often each way of looking again passes, or fails."""
    repetitions = 200 if quick else REPETITIONS
    for number, world in enumerate(WORLDS):
        sample = joined(drawn(world, number, repetitions, MOST * max(LOOKS)))
        others = [joined(drawn(world, 100 * (number + 1) + again, repetitions, MOST)) for again in range(max(LOOKS))]
        for confidence in CONFIDENCES:
            for floor in (False, True):
                for looks in LOOKS:
                    yield {
                        "world": world,
                        "confidence": confidence,
                        "floor": floor,
                        "looks": looks,
                        "repetitions": repetitions,
                        "split": mistakes(split(sample, looks, confidence, 0.0, floor)),
                        "naive": mistakes(naive(sample, looks, confidence, 0.0, floor)),
                        "fresh": mistakes(fresh(others[:looks], confidence, 0.0, floor)),
                    }


def of_power(quick: bool) -> Iterator[Row]:
    """The true speedup is beside the bound: how often it is decided rightly, by looks and by one look as long."""
    repetitions = 200 if quick else REPETITIONS
    for number, world in enumerate(WORLDS):
        sample = joined(drawn(world, number, repetitions, MOST * max(LOOKS)))
        for confidence in CONFIDENCES:
            for beside in BESIDE:
                for looks in LOOKS:
                    yield {
                        "world": world,
                        "confidence": confidence,
                        "beside": beside,
                        "looks": looks,
                        "repetitions": repetitions,
                        **_decided(sample, looks, confidence, beside),
                    }


def _decided(sample: Samples, looks: int, confidence: float, beside: float) -> Row:
    """As gates decide: with the noise floor."""
    beyond, right = math.log1p(beside), 1 if beside > 0 else -1
    ours = split(sample, looks, confidence, beyond, floor=True)
    long = once(sample, ends(sample, looks)[-1], confidence, beyond, floor=True)
    return {
        "split": {"right": share(ours, right), "wrong": share(ours, -right), "sets": float(ours.sets.mean())},
        "long": {"right": share(long, right), "wrong": share(long, -right), "sets": float(np.mean(long.sets))},
    }


RUN: dict[str, Callable[[bool], Iterator[Row]]] = {"errors": of_errors, "power": of_power}


def run_real(arguments: argparse.Namespace) -> None:
    """The borderline case on this machine."""
    keep = Kept(arguments.json, SCHEMA, "simulated, nothing is timed", tuple(SECTIONS))
    here = {
        "of": "real",
        "fingerprint": fingerprint().model_dump(mode="json"),
        "conditions": arguments.conditions,
    }
    rows = list(borderline(arguments.times, arguments.budget))
    keep.put([here], SECTIONS["machine"], "machine")
    keep.put(rows, SECTIONS["real"], "real")
    print(f"real: {len(rows)} rows", flush=True)


def main() -> int:
    """Run, or write the page."""
    parser = section_parser(__doc__, PAGE, JSON, RUN)
    parser.add_argument("--real", action="store_true", help="the borderline case on this machine, and nothing else")
    parser.add_argument("--times", type=int, default=20, metavar="N", help="how often, with --real")
    parser.add_argument("--budget", default="5s", metavar="TIME", help="of each run, with --real")
    arguments = parser.parse_args()
    if arguments.page:
        return write_page(PAGE, filled(PAGE.read_text(), arguments.json), arguments.check)
    refuse_kept_trial(parser, arguments, JSON)
    if arguments.real:
        run_real(arguments)
    else:
        keep_sections(arguments, SCHEMA, SECTIONS, RUN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
