"""Times by operator out of PyTorch's profiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xbench.protocols import ProfileReport
from xbench.records.measurement import OperatorTime

from .ort_profile import WARM_UP, counted_runs

# What inductor calls its own parts, beside the operators of ATen that it calls.
_PARTS = {
    "## Call CompiledFxGraph": "fused kernels",
    "Torch-Compiled Region": "call of the compiled region",
    "TorchDynamo Cache Lookup": "guards",
}


def profile_calls(call: Callable[[], object], clock: Callable[[], int], provider: str) -> ProfileReport:
    """Profiled calls on the CPU: the time of each operator without that of those it calls, averaged over calls.

    The time is that of the calling thread, which waits for the others: it adds up to the time of the call.
    """
    from torch.profiler import ProfilerActivity, profile

    took = _warm(call, clock)
    runs = counted_runs(took)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        for _ in range(runs):
            call()
    times = _times(profiler.key_averages(), runs, provider)
    total = sum(time.time_ms for time in times)
    return ProfileReport(provider_ns={provider: round(total * 1e6)}, output_shapes={}, operators=times)


def time_whole(call: Callable[[], object], clock: Callable[[], int], provider: str) -> ProfileReport:
    """The time of one call on a device that is waited for at its end only: no operator's own is known."""
    return ProfileReport(provider_ns={provider: _warm(call, clock)}, output_shapes={})


def _warm(call: Callable[[], object], clock: Callable[[], int]) -> int:
    """Calls to warm up; nanoseconds of the last one."""
    for _ in range(WARM_UP):
        start = clock()
        call()
        took = clock() - start
    return took


def _times(events: Any, runs: int, provider: str) -> tuple[OperatorTime, ...]:
    """One entry for each operator that took time, the longest first. The profiler's times are in microseconds."""
    found: dict[str, tuple[float, int]] = {}
    for event in events:
        name = next((part for start, part in _PARTS.items() if event.key.startswith(start)), event.key)
        time_us, count = found.get(name, (0.0, 0))
        found[name] = time_us + event.self_cpu_time_total, count + event.count
    times = (
        OperatorTime(operator=name, provider=provider, nodes=max(1, round(count / runs)), time_ms=us / 1000 / runs)
        for name, (us, count) in found.items()
        if us > 0
    )
    return tuple(sorted(times, key=lambda time: (-time.time_ms, time.operator)))
