"""All figures of quality on one device, out of what each example scored: for a run, and again from its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..analysis.exemplars import all_exemplars
from ..analysis.quality import SHOWN, QualityOptions, quality_result
from ..protocols import Metric
from ..records.quality import ExampleFacts, ExampleScores, Exemplar, QualityResult
from ..records.run_record import RunRecord
from ..suite.model import Suite


@dataclass(frozen=True)
class Known:
    """What all figures of a run need beside the scores. `label` names the code of an answer."""

    suite: Suite
    metrics: Mapping[str, Metric]
    examples: ExampleFacts | None
    label: Callable[[int], str]

    @property
    def options(self) -> QualityOptions:
        """Seed and correction as the suite has them."""
        evaluate = self.suite.evaluate
        seed = self.suite.measure.seed
        return QualityOptions(seed) if evaluate is None else QualityOptions(seed, evaluate.correction)


def figures(
    record: RunRecord, variant: str, hardware: str, found: Mapping[str, ExampleScores], known: Known
) -> QualityResult:
    """The figures of one variant on a device, where `found` holds the scores of those that were scored there.

    Another dense model, or the baseline in another precision, helps to tell which examples a pruned model loses.
    """
    base = record.baseline_on(hardware)
    if variant != base and base not in found:
        return QualityResult(variant=variant, hardware=hardware, failure="the baseline was not scored")
    dense, others = _beside(record, variant, hardware, found, known)
    return quality_result(
        found[variant],
        None if variant == base else found[base],
        known.examples,
        known.metrics,
        known.options,
        dense=dense,
        others=others,
        label=known.label,
    )


def with_exemplars(
    record: RunRecord, result: QualityResult, found: Mapping[str, ExampleScores], known: Known
) -> QualityResult:
    """The same figures once more variants are in `found`: only the examples that are lost depend on those."""
    if result.variant == record.baseline_on(result.hardware) or not found[result.variant].metrics:
        return result
    lost = lost_by(record, result.variant, result.hardware, found, known)
    return result.model_copy(update={"exemplars": lost[:SHOWN], "exemplar_count": len(lost)})


def lost_by(
    record: RunRecord, variant: str, hardware: str, found: Mapping[str, ExampleScores], known: Known
) -> tuple[Exemplar, ...]:
    """Every example that a variant loses on a device; `found` holds the baseline's scores too."""
    dense, others = _beside(record, variant, hardware, found, known)
    base = found[record.baseline_on(hardware)]
    return all_exemplars(found[variant], base, known.examples, dense, others, known.label)


def _beside(
    record: RunRecord, variant: str, hardware: str, found: Mapping[str, ExampleScores], known: Known
) -> tuple[list[ExampleScores], list[ExampleScores]]:
    """The other dense variants, and the other pruned ones; the baseline is neither."""
    dense = _dense_variants(record, known.suite)
    beside = {name: one for name, one in found.items() if name not in (variant, record.baseline_on(hardware))}
    return (
        [one for name, one in beside.items() if name in dense],
        [one for name, one in beside.items() if name not in dense],
    )


def _dense_variants(record: RunRecord, suite: Suite) -> frozenset[str]:
    """The variants that nothing was pruned of, in whatever precision."""
    sources = {spec.name for spec in suite.variants if spec.baseline or spec.dense}
    return frozenset(state.name for state in record.variants if state.source in sources)
