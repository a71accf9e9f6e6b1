"""`xbench results show`: one recorded run and its proof, in words. Whatever comes from files is made visible."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ..records.comparison import GateVerdict, Sample
from ..records.policy import Waiver
from ..records.run_facts import ProofFacts, RunFacts
from ..report.text import visible
from ..results.showing import run_facts
from ..store.folder import ResultsFolder
from .plain_table import visible_table
from .showing import STDOUT, check_target, write_data

SCHEMA = "xbench.run-facts/1"
_MIB = 2**20


def show_run(name: str, results: Path, json_file: str | None) -> None:
    """Show a run, or write it as data. Raises StoreError where there is none of that name or it cannot be read."""
    if json_file is not None:
        check_target(json_file)
    facts = run_facts(ResultsFolder(results).find(name))
    if json_file is not None:
        write_data({"schema": SCHEMA, **facts.model_dump(mode="json", by_alias=True)}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(_as_text(facts))


def _as_text(facts: RunFacts) -> str:
    parts = [_lines(_head(facts)), _lines(_machine(facts)), _devices(facts), _variants(facts), _groups(facts)]
    parts += [_decisions(facts), _verdicts(facts), _lines(_files(facts))]
    return "\n".join(part for part in parts if part)


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{visible(line)}\n" for line in lines)


def _head(facts: RunFacts) -> Iterator[str]:
    outcome = f", gates: {facts.outcome}" if facts.outcome else ""
    yield f"{facts.run}: {facts.status}{outcome}" + (f": {facts.failure}" if facts.failure else "")
    yield f"  begun       {facts.created}, by xbench {facts.xbench_version}"
    yield f"  suite       {facts.suite or '-'}, sha256 {facts.suite_sha256}"
    if facts.policy_sha256:
        yield f"  policy      {facts.policy.name or '-'}, sha256 {facts.policy_sha256}"
    if facts.decided_on:
        yield f"  decided on  {facts.decided_on}"
    if facts.data is not None:
        data = facts.data
        version = f", version {data.version}" if data.version else ""
        yield f"  data        {data.source}{version}, {data.examples:,} examples, sha256 {data.sha256}"
    yield f"  proof       {_proof(facts.proof)}"
    yield from (f"  PROBLEM     {problem}" for problem in facts.proof.problems)


def _proof(proof: ProofFacts) -> str:
    if proof.problems:
        return f"NOT AS IT WAS RECORDED: {len(proof.problems)} problem(s) in {proof.files} files"
    if not proof.sealed:
        return f"not sealed ({proof.unsealed or 'no manifest'}): {proof.files} files, which can all be read"
    return f"sealed; all {proof.files} files as listed; manifest sha256 {proof.manifest_sha256}"


def _machine(facts: RunFacts) -> Iterator[str]:
    yield f"Measured on, sha256 {facts.fingerprint_sha256}:"
    for name, value in facts.fingerprint.model_dump(mode="json").items():
        told = value
        if isinstance(value, dict):
            told = ", ".join(f"{key} {one}" for key, one in value.items())
        elif isinstance(value, list):
            told = ", ".join(map(str, value))
        yield f"  {name:<18} {'-' if told in (None, '') else told}"


def _devices(facts: RunFacts) -> str:
    rows = [
        (
            one.name + (" (simulated)" if one.simulated else ""),
            "yes" if one.available else "no",
            one.reason or one.title,
        )
        for one in facts.devices
    ]
    return visible_table(rows, ("device", "here", "why not, or the title")) if rows else ""


def _variants(facts: RunFacts) -> str:
    rows = [
        (
            one.name + (" (baseline)" if one.baseline else ""),
            one.precision,
            one.sha256 or "-",
            "-" if one.size_bytes is None else f"{one.size_bytes / _MIB:.2f}",
            one.failure or one.path or "-",
        )
        for one in facts.variants
    ]
    return visible_table(rows, ("variant", "precision", "sha256 of its file", "MiB", "path, or why there is none"))


def _groups(facts: RunFacts) -> str:
    rows = [
        (
            one.hardware,
            one.workload,
            one.sets,
            f"{one.seconds:.1f}",
            ", ".join(map(str, one.looks)) or "-",
            one.note or one.stopped or "going on",
            f"{one.samples[0]} to {Path(one.samples[-1]).name}" if one.samples else "-",
        )
        for one in facts.groups
    ]
    headers = ("device", "workload", "sets", "seconds", "sets after looks", "ended by", "raw samples")
    return visible_table(rows, headers) if rows else ""


def _decisions(facts: RunFacts) -> str:
    rows = [
        (
            one.variant,
            one.hardware,
            one.outcome,
            "may ship" if one.ships else "held",
            ", ".join(one.deciding) or "-",
            ", ".join(one.waived) or "-",
        )
        for one in facts.decisions
    ]
    headers = ("variant", "device", "outcome", "release", "decided by", "waived")
    return visible_table(rows, headers) if rows else ""


def _verdicts(facts: RunFacts) -> str:
    if not facts.verdicts:
        return ""
    rows = [(*_place(one), one.outcome, one.reason) for one in facts.verdicts]
    table = visible_table(rows, ("variant", "device", "workload", "gate", "outcome", "reason"))
    return table + _lines(line for one in facts.verdicts for line in _evidence(one))


def _place(one: GateVerdict) -> tuple[str, str, str, str]:
    gate = one.gate + (f" on {one.slice}" if one.slice else "")
    return one.variant, one.hardware, one.workload or "-", f"{gate} {one.bound:g}{f' {one.unit}' if one.unit else ''}"


def _evidence(one: GateVerdict) -> Iterator[str]:
    """What decided a verdict: its samples, by digest, and who waived it."""
    name = f"{one.gate}{f' on {one.slice}' if one.slice else ''}, {one.variant} on {one.hardware}"
    yield from (f"{name}: decided on {_sample(sample)}" for sample in one.samples)
    if one.waiver is not None:
        yield f"{name}: waived {_waived(one.waiver)}"


def _sample(one: Sample) -> str:
    files = f"{one.files[0]} to {Path(one.files[-1]).name}" if len(one.files) > 2 else " and ".join(one.files)
    where = f" of {one.run}" if one.run else ""
    return f"{one.count} {one.units}{where}: {files or 'no file'}, sha256 {one.sha256}"


def _waived(one: Waiver) -> str:
    return f"until {one.until} by {one.who}: {one.reason}"


def _files(facts: RunFacts) -> Iterator[str]:
    if facts.scores:
        yield f"What each example scored: {', '.join(facts.scores)}"
