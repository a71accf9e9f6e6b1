"""Process sets of planted times and peaks, and runs that were analysed from them."""

from __future__ import annotations

import numpy as np
from records_by_hand import group, record, suite, variant

from xbench.analysis.comparing import analyse
from xbench.analysis.estimating import aa_label
from xbench.analysis.pairing import pairing_of
from xbench.gate.question import Question, Source
from xbench.records.fingerprint import Fingerprint
from xbench.records.measurement import Block, MemoryUse, Placement, ProcessSet, Run
from xbench.records.policy import GateRule
from xbench.store.folder import RunFolder

MACHINE = Fingerprint(
    cpu_model="planted",
    architecture="x86_64",
    cpu_flags_sha256="0" * 64,
    cpus_online=2,
    cpus_usable=2,
    cgroup_cpu_limit=None,
    memory_mib=4096,
    memory_limit_mib=None,
    governor="",
    max_frequency_mhz=None,
    system="Linux",
    kernel="6",
    libc="glibc 2.36",
    python="3.11",
    gpus=(),
    nvidia_driver="",
    libraries={"onnxruntime": "1.31.1"},
    environment={},
)


class Kept(RunFolder):
    """A folder whose process sets are in memory, and which has no files."""

    def __init__(self, path, sets):
        super().__init__(path)
        self._kept = sets

    def sets(self, group):
        return self._kept

    def set_files(self, group):
        return []


def run_of(label, number, times_ms, peak_mib=100.0):
    """`times_ms`: (rounds, calls)."""
    blocks = tuple(
        Block(
            round=index, position=0, samples_ns=np.rint(calls * 1e6).astype(np.int64), cpu_ns=int(calls.sum() * 1e6)
        )
        for index, calls in enumerate(times_ms)
    )
    memory = MemoryUse(before_model_mib=20.0, load_peak_mib=peak_mib, run_peak_mib=None)
    placement = Placement(asked="P", providers=("P",), nodes={"P": 1})
    return Run(label, number, 1, 1, np.array([1], np.int64), blocks, memory, placement)


def process_set(number, times_ms, peaks_mib=None):
    """Times of each label, (rounds, calls) in ms, and its peak."""
    runs = tuple(
        run_of(label, number, times, (peaks_mib or {}).get(label, 100.0)) for label, times in times_ms.items()
    )
    return ProcessSet(number, runs, {}, 1.0, 0.0, 0.1)


def planted(generator, latency_ms, sets=6, rounds=6, calls=5, machine=1.0, process=0.01, noise=0.01, drift=0.03):
    """Times of each variant, and of the baseline's copy, whose true ratios are those of `latency_ms`.

    `machine` times as slow is all of it, each set by some `drift` of its own; processes differ by `process`.
    """
    baseline = next(iter(latency_ms))
    truth = {aa_label(baseline): latency_ms[baseline], **latency_ms}
    found = []
    for _ in range(sets):
        whole = machine * np.exp(generator.normal(0, drift))
        found.append(
            {
                label: mean
                * whole
                * np.exp(generator.normal(0, process) + generator.normal(0, noise, (rounds, calls)))
                for label, mean in truth.items()
            }
        )
    return found


def source_of(
    tmp_path, sets, *, names=("dense", "pruned", "live"), run="20260101T000000Z-hand-1", folder=True, **more
):
    """A run that was analysed from these sets, with its samples. `more` changes its group; `fingerprint` is its own."""
    asked = suite(*names[1:])
    changes = {key: more.pop(key) for key in ("fingerprint", "variants", "devices") if key in more}
    states = tuple(variant(name, baseline=name == names[0]) for name in names)
    made = record(**{"id": run, "fingerprint": MACHINE, "variants": states, "quality": (), **changes})
    bare = group([], **{"noise_floor": None, **more})
    analysed = analyse(bare, sets, pairing_of(made, "cpu"), asked.measure.margin, asked.measure.seed)
    made = made.model_copy(update={"groups": (analysed,)})
    return Source(made, asked, Kept(tmp_path / run, sets) if folder else None)


def numbered(times, peaks=None):
    """Process sets of times, and of the peaks of each set where there are some."""
    return [process_set(n, one, peaks[n] if peaks else None) for n, one in enumerate(times)]


def question(source, gate, *, variant="pruned", looks=1, **rule):
    state = next(one for one in source.record.variants if one.name == variant)
    made = GateRule(**{"gate": gate, "bound": 1.0, "against": "dense", **rule})
    return Question(made, state, "cpu", source.record.groups[0].workload, looks=looks)
