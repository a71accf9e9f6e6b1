"""Writes docs/results.md from the runs that are kept under results/: no figure on that page is typed by hand.

    python scripts/results_docs.py [--check]

A test holds the page against what this prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from page_file import write_or_check
from tabulate import tabulate

from xbench.profiles.finding import all_profiles
from xbench.records.artifact import Artifact
from xbench.records.run_record import GroupState, RunRecord
from xbench.report.text import markdown
from xbench.store.folder import ResultsFolder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/results.md"
MODELS = ("minilm", "bert-base", "resnet50")
VARIANTS = {"unstructured": "unstructured", "2to4": "2:4", "zeroed": "zeroed", "removed": "removed"}
"""Variants of benchmarks/evidence_models.py, by their part of the file name."""

HEAD = """\
# Results

Models of `benchmarks/evidence_models.py`, measured by `benchmarks/evidence.py`. This page is written by
`scripts/results_docs.py` from the runs under [results](../results), and a test holds it against them. Each can
be computed again from its raw samples: `xbench gate results/RUN`.

A cell is the speedup over the *dense* file of the same precision, on the same target, in the same run, with its 95 %
interval. `same` and `inconclusive` are the verdicts against the run's own noise floor. *ideal* is what the arithmetic
of the removed variant would allow. int8 files hold Q/DQ; what their quality is was not looked at here. These runs had
every layer in int8; since then `evidence_models.py` quantises as suites do, which leaves coarse layers in floats, so
int8 rows may come out otherwise now. MiniLM has its own weights, BERT-base and ResNet-50 random ones, which is enough
for time. Batch 1, 128 tokens or 3x224x224.
"""


def evidence_runs() -> list[RunRecord]:
    """The kept runs of benchmarks/evidence.py, by model, then the oldest first."""
    records = [folder.load() for folder in ResultsFolder(ROOT / "results").runs()]
    return sorted((r for r in records if _model(r)), key=lambda r: (MODELS.index(_model(r)), r.id))


def _model(record: RunRecord) -> str:
    """The model whose dense file is the baseline; empty where the run is another one."""
    files = {model: {f"{model}-dense{suffix}.onnx" for suffix in ("", "-int8", "-fp16")} for model in MODELS}
    return next((model for model, names in files.items() if record.baseline in names), "")


def _machine(record: RunRecord) -> str:
    found = record.fingerprint
    gpus = f", {', '.join(found.gpus)}" if found.gpus else ""
    return f"{found.cpu_model}, {found.cpus_usable} CPUs ({found.architecture}){gpus}"


def _cell(group: GroupState, candidate: str) -> str:
    comparison = next((c for c in group.comparisons if c.candidate == candidate), None)
    if comparison is None:
        return "not measured"
    if comparison.baseline in group.failures:
        return ""  # the reason stands in the column of the baseline
    if comparison.speedup is None:
        return f"{comparison.verdict}: {'; '.join(comparison.reasons)}"
    one = comparison.speedup
    speed = f"{one.point:.2f}x ({one.low:.2f} to {one.high:.2f})"
    return speed if comparison.verdict in ("faster", "slower") else f"{speed} {comparison.verdict}"


def _candidate(record: RunRecord, variant: str) -> str:
    return record.baseline.replace("-dense", f"-{variant}")


def _rows(record: RunRecord, variants: Sequence[str]) -> Iterator[list[str]]:
    for device in record.devices:
        group = record.group(device.profile.name, record.groups[0].workload) if record.groups else None
        if group is None:
            reason = device.availability.reason or "not measured"
            yield [device.profile.name, f"none: {reason}", *("" for _ in (*variants, "ideal", "floor"))]
            continue
        dense = next((c.summary for c in group.cases if c.variant == record.baseline), None)
        ideal = group.ideal_speedups.get(_candidate(record, "removed"))
        floor = group.noise_floor
        yield [
            device.profile.name,
            f"{dense.latency_p50_ms:.3g}" if dense else f"none: {group.failures.get(record.baseline, '')}",
            *(_cell(group, _candidate(record, variant)) for variant in variants),
            f"{ideal:.2f}x" if ideal else "none",
            f"{100 * floor:.1f} %" if floor is not None else "none",
        ]


def _table(records: Sequence[RunRecord]) -> str:
    variants = [name for name in VARIANTS if any(_measured(record, name) for record in records)]
    headers = ("target", "dense p50 ms", *(VARIANTS[name] for name in variants), "ideal", "noise floor")
    rows = [[markdown(cell) for cell in row] for record in records for row in _rows(record, variants)]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _measured(record: RunRecord, variant: str) -> bool:
    return any(state.name == _candidate(record, variant) for state in record.variants)


def _sections(records: Sequence[RunRecord]) -> Iterator[str]:
    for machine in dict.fromkeys(map(_machine, records)):
        yield f"## {markdown(machine)}\n"
        here = [record for record in records if _machine(record) == machine]
        for model in dict.fromkeys(map(_model, here)):
            mine = [record for record in here if _model(record) == model]
            artifact = next(v.artifact for v in mine[0].variants if v.baseline)
            yield f"### {model}{_size(artifact)}\n\n{_table(mine)}\n\nRuns: {', '.join(_link(r) for r in mine)}.\n"


def _size(artifact: Artifact | None) -> str:
    return f", {artifact.audit.parameters / 1e6:.1f} M parameters" if artifact is not None else ""


def _link(record: RunRecord) -> str:
    return f"[{record.id}](../results/{record.id})"


def _never_run() -> str:
    names = [profile.name for profile in all_profiles().values() if profile.evidence == "never run"]
    return (
        "## Never run\n\nThese profiles are shipped and have not run on a device: their options, refusals and errors "
        f"are tested, no figure is.\n\n{', '.join(f'`{name}`' for name in names)}.\n"
    )


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections(evidence_runs()), _never_run()])


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, PAGE, page))
