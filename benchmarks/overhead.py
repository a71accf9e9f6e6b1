"""What xbench adds to each inference, against a bare loop of `session.run` on a small model.

    python benchmarks/overhead.py            a table of ratios, and JSON with --json

One process, one session; blocks of both loops take turns in random order, so that a busy machine slows both.
`reported` is what xbench says one call takes; `whole loop` is what its loop takes, the clock included.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xbench.measure.timing import time_calls
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles

ROUNDS = 60
BLOCK_SECONDS = 0.05


def small_model(path: Path, width: int = 448) -> None:
    """Three linear layers: about 100 us for one row on one core."""
    weights = [
        numpy_helper.from_array(np.random.default_rng(i).standard_normal((width, width), np.float32) / width, f"w{i}")
        for i in range(3)
    ]
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(3)]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [8, width])],
        [helper.make_tensor_value_info("x3", TensorProto.FLOAT, [8, width])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def bare_loop(session, feed: dict, calls: int) -> float:
    """Nanoseconds a call of the loop that most people write."""
    start = time.perf_counter_ns()
    for _ in range(calls):
        session.run(None, feed)
    return (time.perf_counter_ns() - start) / calls


def xbench_loop(runner, call, calls: int) -> tuple[float, float]:
    """Nanoseconds a call: as reported (mean of the samples), and of the whole loop."""
    start = time.perf_counter_ns()
    samples, _ = time_calls([call], calls, runner.clock)
    return float(samples.mean()), (time.perf_counter_ns() - start) / calls


def measure() -> dict[str, float]:
    """The ratios of one run: medians over rounds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        small_model(path)
        profile = all_profiles()["cpu"].model_copy(update={"threads": 1})
        kind = runner_class("cpu")
        kind.warm_import()
        with kind(path, "small", profile) as runner:
            runner.load()
            feed = {"x0": np.random.default_rng(0).standard_normal((8, 448), np.float32)}
            call, session = runner.bind(feed), runner._session
            calls = max(20, round(BLOCK_SECONDS * 1e9 / bare_loop(session, feed, 200)))
            bare, reported, whole = [], [], []
            for _ in range(ROUNDS):
                for which in random.sample(("bare", "xbench"), 2):
                    if which == "bare":
                        bare.append(bare_loop(session, feed, calls))
                    else:
                        one, all_of_it = xbench_loop(runner, call, calls)
                        reported.append(one)
                        whole.append(all_of_it)
    return {
        "bare_us": float(np.median(bare)) / 1000,
        "reported_ratio": float(np.median(np.array(reported) / np.array(bare))),
        "whole_loop_ratio": float(np.median(np.array(whole) / np.array(bare))),
        "rounds": ROUNDS,
        "calls_per_block": calls,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    found = measure()
    if parser.parse_args().json:
        print(json.dumps(found, indent=1))
        return
    print(f"bare loop   {found['bare_us']:.1f} us a call")
    print(f"reported    {found['reported_ratio']:.4f} of it")
    print(f"whole loop  {found['whole_loop_ratio']:.4f} of it")


if __name__ == "__main__":
    main()
