"""Runs on disk with scores by hand, for what gates decide of quality."""

from __future__ import annotations

import numpy as np
from records_by_hand import comparison, device, group, record, suite, variant

from xbench.analysis.quality import QualityOptions, quality_result
from xbench.gate.question import Question, Source
from xbench.metrics.choosing import metric
from xbench.records.policy import GateRule
from xbench.records.quality import ExampleFacts, ExampleScores
from xbench.store.folder import RunFolder

RUN = "20260101T000000Z-hand-aaaaaa"


def scores(name, failed=None, digest="d" * 64, hardware="cpu", **metrics):
    """Examples that failed have NaN for a score."""
    arrays = {key: np.array(values, float) for key, values in metrics.items()}
    for values in arrays.values():
        values[list(failed or {})] = np.nan
    return ExampleScores(name, hardware, digest, arrays, failed or {})


def facts(count, **slices):
    return ExampleFacts(
        np.array([f"e{n}" for n in range(count)]), slices={k: np.array(v, bool) for k, v in slices.items()}
    )


def run(path, *models, examples=None, name=RUN, asked=None, **changes):
    """A run's folder with these scores, the first model's being the baseline, and its record; as a source."""
    names = [one.variant for one in models]
    base = models[0]
    known = {key: metric(key) for key in base.metrics}
    found = [quality_result(one, None if one is base else base, examples, known, QualityOptions()) for one in models]
    folder = RunFolder(path / name)
    folder.path.mkdir(parents=True)
    for number, one in enumerate(models):
        folder.save_scores(number, 0, one)
    if examples is not None:
        folder.save_examples(examples)
    asked = asked or suite(*names[1:])
    values = {
        "id": name,
        "suite": asked.model_dump(mode="json", by_alias=True),
        "devices": (device(),),
        "variants": tuple(variant(one, baseline=one == names[0]) for one in names),
        "groups": (group([comparison(one, baseline=names[0]) for one in names[1:]], baseline=names[0]),),
        "quality": tuple(found),
    }
    made = record(**{**values, **changes})
    return Source(made, asked, folder)


def question(source, gate="max_drop", bound=0.05, name="pruned", part="", **rule):
    state = next(one for one in source.record.variants if one.name == name)
    return Question(GateRule(gate=gate, bound=bound, **rule), state, "cpu", slice=part)


def right(count, wrong=()):
    """1 for right, 0 for those that are wrong."""
    found = np.ones(count)
    found[list(wrong)] = 0
    return found
