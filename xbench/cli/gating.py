"""`xbench gate`: the verdicts of a recorded run again. Nothing is measured, and its folder stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from ..errors import InputError, InvalidError
from ..profiles.finding import all_profiles
from ..records.run_record import RunRecord
from ..report.release import verdict_lines
from ..report.text import visible
from ..road.checking import Here, check_policy
from ..road.concluding import conclude
from ..road.recomputing import recompute
from ..store.folder import ResultsFolder, RunFolder
from ..store.verifying import verify
from ..suite.model import Suite
from ..suite.policy import LoadedPolicy, load_policy
from .showing import STDOUT, check_target, show, show_place, write_json

_DIGITS = 12  # of a digest


def gate_run(
    name: str, results: Path, policy_file: Path | None = None, on: str | None = None, json_file: str | None = None
) -> int:
    """Decide a run again from its raw samples, show the verdicts and what they stand on, and return the exit code.

    Raises InvalidError where the folder is not what was sealed; InputError for a policy or a day that cannot be used.
    """
    if json_file is not None:
        check_target(json_file)
    day = _day(on)
    folder = ResultsFolder(results).find(name)
    beside = ResultsFolder(folder.path.parent)  # a run may be named by its path
    unsealed = _checked(folder)
    record = folder.load()
    suite = Suite.model_validate(record.suite)
    policy = load_policy(policy_file) if policy_file is not None else None
    strangers = _strangers(record, suite, policy) if policy is not None else ()
    again = conclude(recompute(_under(record, policy), suite, folder), suite, folder, day, beside)
    if json_file is not None:
        write_json(again, json_file)
    if json_file != STDOUT:
        show(again)
        after = _after_the_fact(record, policy)
        told = [*verdict_lines(again), *unsealed, *after, *strangers, *_changes(record, again)]
        sys.stdout.write("".join(f"{visible(line)}\n" for line in told))
        show_place(folder.path)
    if record.status != "complete":
        return record.exit_code or InvalidError.exit_code
    return again.exit_code or 0


def _day(text: str | None) -> date:
    """The day as of which waivers are looked at: today, in UTC, where none is named."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--on {text} is no day", remedy="write it as 2026-12-31") from error


def _checked(folder: RunFolder) -> list[str]:
    """A line where the run has no manifest to check it by. Raises InvalidError where its files were changed."""
    found = verify(folder)
    if found.problems:
        raise InvalidError(
            f"The run {found.run} is not what was recorded",
            "; ".join(found.problems),
            "take it from its bundle or from a copy again: nothing is decided on files that were changed",
        )
    if found.sealed:
        return []
    return [f"No digests vouch for these files: the run is not sealed, since {found.unsealed}."]


def _strangers(record: RunRecord, suite: Suite, policy: LoadedPolicy) -> list[str]:
    """Rules of a policy that name what this run has not, as in a policy of several suites. Raises InputError."""
    told = check_policy(Here(suite, policy.policy, policy.shared, record.devices, lambda: all_profiles(())))
    return [f"Not held: {text}." for text in told]


def _under(record: RunRecord, policy: LoadedPolicy | None) -> RunRecord:
    """The record under the policy that it is decided by."""
    if policy is None:
        return record
    return record.model_copy(update={"policy": policy.policy, "policy_sha256": policy.sha256})


def _after_the_fact(record: RunRecord, policy: LoadedPolicy | None) -> Iterator[str]:
    if policy is None or policy.sha256 == record.policy_sha256:
        return
    then = f"that of SHA-256 {record.policy_sha256[:_DIGITS]}..."
    yield (
        f"Decided after the fact: the policy of SHA-256 {policy.sha256[:_DIGITS]}... is not the one that the run was "
        f"measured with ({then if record.policy_sha256 else 'none, beside the gates of its suite'})."
    )


def _changes(record: RunRecord, again: RunRecord) -> Iterator[str]:
    """What is not as it was recorded, in a line; nothing where all of it is, or where it was decided otherwise."""
    if record.status != "complete" or record.policy != again.policy:
        return
    same = _outcomes(record) == _outcomes(again)
    # Waivers that begin or end to hold meanwhile change words, and no outcome.
    as_of_another_day = bool(record.policy.waivers) and record.decided_on != again.decided_on
    told = same and (_words(record) == _words(again) or as_of_another_day)
    found = {
        "figures of speed": record.groups == again.groups,
        "figures of quality": record.quality == again.quality,
        "words of verdicts": told,
    }
    changed = [what for what, as_recorded in found.items() if not as_recorded]
    if changed:
        yield (
            f"Not as recorded: {', '.join(changed)}; "
            f"{'the outcome of each gate is the same' if same else 'outcomes of gates too'}. "
            f"The record was changed, or xbench was, as CHANGELOG.md tells (then {record.xbench_version})."
        )


def _outcomes(record: RunRecord) -> list[tuple[str, ...]]:
    return [(one.variant, one.hardware, one.workload, one.gate, one.slice, one.outcome) for one in record.verdicts]


def _words(record: RunRecord) -> list[str]:
    """What older records have of a verdict as well."""
    return [one.reason for one in record.verdicts]
