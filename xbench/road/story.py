"""The whole road, in one look."""

from __future__ import annotations

from ..errors import StoreError, XbenchError
from ..machine.emulator import SLOWDOWN
from ..progress import Journey
from ..records.run_record import RunRecord
from ..results.rows import case_rows
from ..suite.loading import LoadedSuite
from .again import settle
from .beginning import begin
from .context import Context, RunOptions
from .converting import convert
from .logbook import logged
from .measuring import measure
from .preparing import STAGE as PREPARE
from .preparing import prepare
from .proving import STAGE as PROVE
from .scoring import STAGE as SCORE
from .scoring import score
from .stint import MEASURE

# Seconds that a case of a stage takes, before the first one has told better.
_GUESS = {PREPARE: 6.0, PROVE: 4.0, SCORE: 8.0}


def travel(loaded: LoadedSuite, options: RunOptions, journey: Journey) -> tuple[RunRecord, Context]:
    """suite -> prune -> export -> run -> analyse -> gate -> record.

    Gates that are inconclusive are measured again, as often as the policy says.

    Raises XbenchError where nothing can be said at all: a suite that cannot be used, a baseline that cannot
    be made. Whatever else goes wrong is a row of the record with its reason.
    """
    context, record = begin(loaded, options, journey)
    with context.folder.locked():
        with logged(context):
            _announce(context, record)
            try:
                record = prepare(context, record)
                record = convert(context, record)
                record = measure(context, record)
                record = score(context, record)
                record = settle(context, record)
            except XbenchError as error:
                _save_failure(context, error)
                raise
        return finish(context, record), context


def _save_failure(context: Context, error: XbenchError) -> None:
    """What is there stays, and is marked; a results folder that cannot be written is left as it is."""
    if not isinstance(error, StoreError):
        update = {"status": "failed", "failure": error.reason, "exit_code": error.exit_code}
        context.folder.save(context.folder.load().model_copy(update=update))


def finish(context: Context, record: RunRecord) -> RunRecord:
    """Mark the run as complete and seal it: nothing of it is written any more."""
    seconds = {
        stage: record.stage_seconds.get(stage, 0.0) + spent for stage, spent in context.journey.seconds.items()
    }
    record = record.model_copy(update={"status": "complete", "stage_seconds": seconds})
    return context.folder.seal(record, case_rows(record))


def _announce(context: Context, record: RunRecord) -> None:
    """Tell what is to come, so that the time that is left can be told from the start."""
    variants = len(record.variants)
    devices = [device for device in record.devices if device.availability.available]
    workloads = len(context.loaded.suite.workloads)
    emulated = sum(device.profile.emulation is not None for device in devices)
    slower = 1 + (SLOWDOWN - 1) * emulated / max(1, len(devices))  # on an average of the devices
    context.journey.plan(PREPARE, variants, _GUESS[PREPARE])
    context.journey.plan(PROVE, variants * len(devices) * workloads, _GUESS[PROVE] * slower)
    context.journey.plan(MEASURE, (len(devices) - emulated) * workloads, context.budget)
    if context.task is not None:
        context.journey.plan(SCORE, variants * len(devices), _GUESS[SCORE] * slower)
    for device in record.devices:
        if not device.availability.available:
            context.journey.note(f"{device.profile.name} is not here: {device.availability.reason}")
