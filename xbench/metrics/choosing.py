"""Metrics by name: those that come with xbench, families with a cut-off in their name, and those of plug-ins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from .. import plugins
from ..errors import InputError, did_you_mean
from ..protocols import Metric
from . import confusion, curves, embeddings, probabilities, ranking, regression, spans
from .guarding import GuardedMetric
from .shape import ShippedMetric

SHIPPED: Mapping[str, ShippedMetric] = {
    metric.name: metric
    for module in (probabilities, confusion, curves, regression, embeddings, ranking, spans)
    for metric in module.METRICS
}

FAMILIES: Mapping[str, Callable[[int], ShippedMetric]] = {
    "top_K_accuracy": probabilities.top,
    "recall_at_K": ranking.recall,
    "precision_at_K": ranking.precision,
    "success_at_K": ranking.success,
    "ndcg_at_K": ranking.ndcg,
    "map_at_K": ranking.average_precision,
    "mrr_at_K": ranking.reciprocal_rank,
}
"""Metrics by the pattern of their name; K is a whole number from 1, such as 10."""

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "classification": ("accuracy", "f1_macro", "brier", "ece"),
    "multi-label": ("f1_micro", "f1_macro", "hamming_loss"),
    "regression": ("mae", "rmse", "r2"),
    "similarity": ("spearman", "pearson"),
    "embedding": ("cosine_to_dense",),
    "retrieval": ("recall_at_1", "mrr", "ndcg_at_10"),
    "token-classification": ("span_f1", "token_accuracy"),
}
"""What a task is scored by where its suite names no metric; the first is the one that tables show."""

_PACKAGES = {"sklearn": "scikit-learn"}
_CUT_OFF = re.compile(r"_([1-9][0-9]{0,5})(?=_|$)")


def metrics_for(task: str, names: Sequence[str]) -> dict[str, Metric]:
    """The metrics of a task, in the order in which they are named; the task's own where none is.

    Raises InputError for a name that there is not, that is not for this task, or that is named twice;
    UnavailableError for a plug-in's that cannot be used.
    """
    asked = tuple(names) or DEFAULTS.get(task, ())
    if not asked:
        raise InputError(f"The task {task!r} has no metrics of its own", _known(task), "name some under `metrics`")
    twice = next((name for name in asked if asked.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"The metric {twice!r} is named twice", "", "leave one of them out")
    return {name: _fitting(task, name) for name in asked}


def metric(name: str) -> Metric:
    """The metric of that name, for whatever task; raises as `metrics_for` does."""
    return _named(name, "")


def _fitting(task: str, name: str) -> Metric:
    found = _named(name, task)
    if task not in found.tasks:
        told = f"it is for {' and '.join(found.tasks)}; {_known(task)}"
        raise InputError(f"The metric {name!r} is not for the task {task!r}", told)
    return found


def _named(name: str, task: str) -> Metric:
    """A metric by its name. `task` is what an error tells metrics for; empty: for all."""
    shipped = SHIPPED.get(name) or _with_cut_off(name)
    brought = plugins.metric(name, shipped is not None)
    if brought is not None:
        return GuardedMetric(brought)
    if shipped:
        return _usable(shipped)
    hint = did_you_mean(name, [*_fits(task), *plugins.metric_names()])
    raise InputError(f"There is no metric called {name!r}", _known(task), hint)


def _usable(shipped: ShippedMetric) -> ShippedMetric:
    """The same. Raises InputError where its library is not here, so that this is known before anything is run."""
    if shipped.needs and find_spec(shipped.needs) is None:
        raise InputError(
            f"The metric {shipped.name!r} needs the package {_PACKAGES[shipped.needs]}",
            "it is not installed",
            "pip install 'xbench[quality]'",
        )
    return shipped


def _with_cut_off(name: str) -> ShippedMetric | None:
    """The metric of a family; None where the name is not one of a family's."""
    cut_off = _CUT_OFF.search(name)
    family = FAMILIES.get(_CUT_OFF.sub("_K", name, count=1))
    return family(int(cut_off[1])) if cut_off and family else None


def _known(task: str) -> str:
    """What there is for a task, in words."""
    fits, brought = _fits(task), plugins.metric_names()
    told = f"known{' for it' if task else ''} are {', '.join(fits) or 'none that come with xbench'}"
    told += " (K is a whole number from 1)" if FAMILIES.keys() & fits else ""
    return f"{told}; and of plug-ins {', '.join(brought)}" if brought else told


def _fits(task: str) -> list[str]:
    """Names, and patterns of names, of the metrics that come with xbench for a task; empty: of all."""
    families = {pattern: family(1) for pattern, family in FAMILIES.items()}
    return sorted(name for name, one in (*SHIPPED.items(), *families.items()) if not task or task in one.tasks)
