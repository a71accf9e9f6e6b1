"""The stage that scores quality, on each device's own runner, and compares it example by example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidError, XbenchError
from ..quality.scoring import example_scores
from ..quality.tasks import Task
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from ..records.quality import ExampleScores, QualityResult
from ..records.run_record import RunRecord, VariantState
from ..store.spool import Spool
from .context import Context
from .dense_answers import DenseAnswers, answers
from .qualities import Known, figures, with_exemplars

STAGE = "score"


def score(context: Context, record: RunRecord) -> RunRecord:
    """Score all variants on all devices that are here, the baseline first; saved after each."""
    task = context.task
    if task is None:
        return record
    context.folder.save_examples(task.examples)
    names = _Names(task, context.folder.labels())
    known = Known(context.loaded.suite, task.metrics, task.examples, names.label)
    for number, device in enumerate(record.devices):
        if device.availability.available:
            scoring = _Scoring(context, task, known, device.profile, number)
            record = scoring.all_variants(record)
            context.folder.save_labels(names.told)
            context.folder.save(record)
    context.journey.end()
    context.folder.drop_kept()
    return record


def _with(record: RunRecord, results: Mapping[str, QualityResult], hardware: str) -> RunRecord:
    """The record with these results, by variant, in place of those before; new ones come last."""
    old = {(one.variant, one.hardware): one for one in record.quality}
    new = {(variant, hardware): result for variant, result in results.items()}
    return record.model_copy(update={"quality": tuple((old | new).values())})


@dataclass
class _Names:
    """What answers are called, and which of these names were asked for: what a record that is read later needs."""

    task: Task
    told: dict[int, str]

    def label(self, code: int) -> str:
        self.told[code] = self.task.label(code)
        return self.told[code]


@dataclass
class _Scoring:
    """One device. `found`: what each example scored, by the variants that could be scored; the baseline first.

    `reused` names the recorded baseline that the baseline's scores are of.
    """

    context: Context
    task: Task
    known: Known
    profile: HardwareProfile
    number: int
    found: dict[str, ExampleScores] = field(default_factory=dict)
    reused: str = ""

    def __post_init__(self) -> None:
        self.dense = DenseAnswers(self.context, self.task, self.profile, self.number)

    def all_variants(self, record: RunRecord) -> RunRecord:
        """The record with the figures of all variants that there are."""
        hardware = self.profile.name
        base, taken = record.baseline_on(hardware), record.states_on(hardware)
        before = record.quality_of(base, hardware)
        self.reused = before.reused if before is not None else ""
        for index, state in sorted(enumerate(record.variants), key=lambda item: item[1].name != base):
            if state.artifact is None or state not in taken:
                continue
            self.context.journey.begin(STAGE, f"{state.name} on {hardware}")
            result = self._result(record, index, state, state.artifact)
            record = _with(record, {state.name: result}, hardware)
            self.context.folder.save(record)
        return _with(record, self._seen_together(record), hardware)

    def _result(self, record: RunRecord, index: int, state: VariantState, artifact: Artifact) -> QualityResult:
        hardware = self.profile.name
        try:
            base = next((one for one in record.variants if one.name == record.baseline_on(hardware)), None)
            self.found[state.name] = self._scores(index, state, artifact, base)
            result = self._figures(record, state.name)
        except XbenchError as error:
            self.context.journey.note(f"{state.name} on {hardware}: {error.reason}")
            result = QualityResult(variant=state.name, hardware=hardware, failure=error.reason)
        if result.failure:
            self.found.pop(state.name, None)
        return result

    def _scores(
        self, index: int, state: VariantState, artifact: Artifact, base: VariantState | None
    ) -> ExampleScores:
        """Those that are saved, or new ones, which are saved. Raises XbenchError."""
        saved = self.context.folder.scores(index, self.number)
        if saved is not None:
            return saved
        hardware = self.profile.name
        if base is not None and state.name == base.name:
            kept = self.dense.fresh(artifact)
            scores = example_scores(self.task, kept, None, state.name, hardware)
            self.reused = self.dense.reused
        else:
            if base is None or base.artifact is None or base.name not in self.found:
                raise InvalidError("the baseline was not scored")
            reference = self.dense.get(base.artifact)
            scores = self._against(reference, state, artifact)
        self.context.folder.save_scores(index, self.number, scores)
        return scores

    def _against(self, reference: Spool, state: VariantState, artifact: Artifact) -> ExampleScores:
        """Of a candidate, whose kept answers are needed no longer then."""
        context, profile = self.context, self.profile
        file = context.folder.kept_file("candidate")
        try:
            kept = answers(artifact, self.task, profile, context.limit_for(profile), file, context.journey)
            return example_scores(self.task, kept, reference, state.name, profile.name)
        finally:
            file.unlink(missing_ok=True)

    def _seen_together(self, record: RunRecord) -> dict[str, QualityResult]:
        """The figures again, now that it is known which examples the other variants lose too."""
        results = (record.quality_of(name, self.profile.name) for name in self.found)
        return {
            one.variant: with_exemplars(record, one, self.found, self.known) for one in results if one is not None
        }

    def _figures(self, record: RunRecord, name: str) -> QualityResult:
        """Of one variant; the baseline's say where its scores come from."""
        hardware = self.profile.name
        result = figures(record, name, hardware, self.found, self.known)
        return result.model_copy(update={"reused": self.reused}) if name == record.baseline_on(hardware) else result
