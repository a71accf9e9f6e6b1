"""Evidence for `max_memory_mib`: the peak of a fresh process, in MiB, or a ratio of two peaks. Lower is better.

It is the host's memory, less what the process held before the model was loaded. What a device of its own holds
(`device_memory_mib`) is shown beside it and no gate's.
"""

from __future__ import annotations

from ..analysis.estimating import peak_ratio_of
from ..records.measurement import Run
from ..stats.peaks import peak_estimate
from ..stats.ratio import MIN_SETS
from .measured import Measured, invalid, undecided
from .question import Evidence

NO_PEAKS = "the peaks of its processes are kept with the raw samples, which are not here: decide in the run's folder"
_MORE = "measure longer (--budget): each further process set has a peak of its own"


def peak_level(candidate: Measured, confidence: float) -> Evidence:
    """The mean peak of a process, with the highest of any: above the bound, that one fails the gate."""
    if not candidate.runs:
        return invalid(NO_PEAKS)
    peaks = [run.memory.peak_mib for run in candidate.runs]
    fault = _fault(candidate.variant, candidate.runs)
    if fault is not None:
        return fault
    return Evidence(estimate=peak_estimate(peaks, confidence), highest=max(peaks), advice=_MORE)


def peak_against(candidate: Measured, reference: Measured, confidence: float) -> Evidence:
    """The candidate's peak over that of another variant, paired by process set; below 1 is better.

    No noise floor belongs to it: memory is counted, not timed, and what the allocator does by chance is seen from
    process to process.
    """
    if not candidate.sets:
        return invalid(NO_PEAKS)
    pair = candidate.pair(reference.variant, candidate.variant)
    for one in (candidate, reference):
        fault = _fault(one.variant, one.runs)
        if fault is not None:
            return fault
    ratio = peak_ratio_of(pair, confidence)
    if ratio is None:
        return undecided(f"too few process sets with both; an interval needs {MIN_SETS}", _MORE)
    return Evidence(estimate=ratio, advice=_MORE)


def _fault(variant: str, runs: list[Run]) -> Evidence | None:
    """Why these peaks have no interval."""
    if len(runs) < MIN_SETS:
        return undecided(f"processes of {variant} measured: {len(runs)}; an interval needs {MIN_SETS}", _MORE)
    if min(run.memory.peak_mib for run in runs) <= 0:
        return invalid(f"a process of {variant} had a peak of 0 MiB: its memory is too small to be told")
    return None
