"""Times ONNX files with ONNX Runtime as most people do: what peers.py starts where there is no ready-made command.

    python benchmarks/harness.py loop MODEL MODEL       both sessions open, one loop after the other
    python benchmarks/harness.py apart MODEL MODEL      each session is closed before the next is made
    python benchmarks/harness.py loadgen MODEL --seconds 10
    python benchmarks/harness.py probe MODEL            a rough figure, to turn seconds into a number of calls

It runs in the environment that holds the peers, so it imports nothing of xbench. Nothing is tuned on purpose: default
threads, which spin; no pinning; no check of where the model ran.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

WARM_UPS = 10
CALLS = 100
PROBES = 20
QUERIES = 64
"""The fewest that LoadGen wants for its 90th percentile."""
KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


def opened(model: Path, provider: str) -> Callable[[], object]:
    """One call of the model, with random inputs. The CPU stands behind the provider, as examples have it."""
    session = onnxruntime.InferenceSession(str(model), providers=[provider, "CPUExecutionProvider"])
    random = np.random.default_rng(0)
    feed = {}
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in value.shape]
        feed[value.name] = random.random(shape).astype(KINDS[value.type])
    return lambda: session.run(None, feed)


def timed(call: Callable[[], object], warm_ups: int = WARM_UPS, calls: int = CALLS) -> float:
    """The median of the calls, in milliseconds."""
    for _ in range(warm_ups):
        call()
    found = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found) * 1000


def loop(models: list[Path], provider: str, seconds: float) -> None:
    """Dense, then pruned, both sessions open."""
    for call in [opened(model, provider) for model in models]:
        print(f"median {timed(call):.6f} ms")


def apart(models: list[Path], provider: str, seconds: float) -> None:
    """Dense, then pruned, one session at a time."""
    for model in models:
        print(f"median {timed(opened(model, provider)):.6f} ms")


def probe(models: list[Path], provider: str, seconds: float) -> None:
    """Few calls."""
    for model in models:
        print(f"median {timed(opened(model, provider), 3, PROBES):.6f} ms")


def loadgen(models: list[Path], provider: str, seconds: float) -> None:
    """MLPerf LoadGen's SingleStream scenario; prints LoadGen's own summary of each model."""
    import mlperf_loadgen as lg

    for model in models:
        call = opened(model, provider)

        def issue(queries: list, call: Callable[[], object] = call) -> None:
            for query in queries:
                call()
                lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0)])

        settings = lg.TestSettings()
        settings.scenario = lg.TestScenario.SingleStream
        settings.mode = lg.TestMode.PerformanceOnly
        settings.min_query_count = QUERIES
        settings.min_duration_ms = round(seconds * 1000)
        # LoadGen makes the queries before it starts: expected at half of what they take, they last.
        settings.single_stream_expected_latency_ns = round(timed(call, 3, PROBES) * 1e6 / 2)
        with tempfile.TemporaryDirectory() as folder:
            log = lg.LogSettings()
            log.enable_trace = False
            log.log_output.outdir = folder
            sut = lg.ConstructSUT(issue, lambda: None)
            library = lg.ConstructQSL(1, 1, lambda _: None, lambda _: None)
            lg.StartTestWithLogSettings(sut, library, settings, log)
            lg.DestroyQSL(library)
            lg.DestroySUT(sut)
            print((Path(folder) / "mlperf_log_summary.txt").read_text())


WAYS = {"loop": loop, "apart": apart, "probe": probe, "loadgen": loadgen}


def main() -> None:
    """Time the models in one of the ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("models", metavar="MODEL", nargs="+", type=Path)
    parser.add_argument("--provider", default="CPUExecutionProvider")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    WAYS[arguments.way](arguments.models, arguments.provider, arguments.seconds)


if __name__ == "__main__":
    main()
