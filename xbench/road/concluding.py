"""The end of a run: gates, the outcome of all, and the exit code. From records alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ..gate.judging import judge
from ..gate.production import references
from ..gate.question import Source
from ..gate.releasing import counted, decisions
from ..records.comparison import GateVerdict
from ..records.estimate import worst
from ..records.run_record import RunRecord
from ..store.folder import ResultsFolder, RunFolder
from ..suite.model import Suite

# Which of several exit codes is told: a fault before bad input before an invalid number before a verdict.
_PRECEDENCE = (5, 2, 4, 1, 3, 0)
_OF_OUTCOME = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}


def conclude(
    record: RunRecord,
    suite: Suite,
    folder: RunFolder | None = None,
    on: date | None = None,
    results: ResultsFolder | None = None,
) -> RunRecord:
    """The record with its verdicts, decisions, outcome and exit code.

    The same record, samples, policy and day always give the same ones, and outcomes do not depend on the day: waivers
    do. `folder` holds the samples, without which only what the record tells can be decided; `results` holds other
    runs, of which the version in production may be; `on` is the day on which the run began where none is given.
    Raises StoreError where samples cannot be read.
    """
    day = on or first_day(record)
    production = references(record, suite, record.policy, results, folder)
    verdicts = judge(Source(record, suite, folder, production), day)
    judged = record.model_copy(update={"verdicts": verdicts, "decided_on": day.isoformat()})
    return judged.model_copy(
        update={
            "decisions": decisions(judged),
            "outcome": worst(verdict.outcome for verdict in verdicts),
            "exit_code": next(code for code in _PRECEDENCE if code in _codes(record, verdicts)),
        }
    )


def first_day(record: RunRecord) -> date:
    """The day, in UTC, on which a run began: waivers are looked at as of that day when it is decided first."""
    return datetime.fromisoformat(record.created).astimezone(UTC).date()


def _codes(record: RunRecord, verdicts: tuple[GateVerdict, ...]) -> set[int]:
    codes = {0} | {_OF_OUTCOME[counted(verdict)] for verdict in verdicts}
    codes |= {variant.exit_code for variant in record.variants}
    if any(d.explicit and not d.availability.available for d in record.devices):
        codes.add(4)
    if not any(device.availability.available for device in record.devices):
        codes.add(4)
    compared = {comparison.verdict for group in record.groups for comparison in group.comparisons}
    if "invalid" in compared or any(result.failure for result in record.quality):
        codes.add(4)
    if any(group.untimed and not _scored(record, group.hardware) for group in record.groups):
        codes.add(4)  # a speed was asked for, and nothing else: there is no answer
    if not verdicts and ("inconclusive" in compared or record.policy.gates):
        codes.add(3)  # a policy of which no rule is held here has decided nothing, and that is no pass
    return codes


def _scored(record: RunRecord, hardware: str) -> bool:
    return any(result.hardware == hardware for result in record.quality)
