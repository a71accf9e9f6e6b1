"""Metrics by name: the defaults, families with a cut-off, and what is told of a name that does not fit."""

from __future__ import annotations

import math

import pytest

from xbench.errors import InputError
from xbench.metrics.choosing import DEFAULTS, FAMILIES, SHIPPED, metric, metrics_for
from xbench.records import evaluation


def test_a_task_has_metrics_of_its_own_and_others_in_the_order_named():
    for task, names in DEFAULTS.items():
        assert tuple(metrics_for(task, ())) == names
        assert tuple(metrics_for(task, names[::-1])) == names[::-1]


def test_each_task_of_suites_but_that_of_plug_ins_has_metrics():
    tasks = {kind.model_fields["task"].annotation.__args__[0] for kind in evaluation.EvaluationSpec.__args__}
    assert tasks == {*DEFAULTS, "plugin"} == {task for one in SHIPPED.values() for task in one.tasks} | {"plugin"}


def test_names_of_families_carry_their_cut_off():
    for pattern, family in FAMILIES.items():
        name = pattern.replace("K", "12")
        assert metric(name).name == family(12).name == name
        assert metric(name).span == 1


def test_a_metric_says_what_one_example_can_change():
    spans = {name: metric(name).span for name in ("accuracy", "brier", "mae", "f1_macro", "cosine_to_dense")}
    assert spans == {"accuracy": 1, "brier": 2, "mae": math.inf, "f1_macro": None, "cosine_to_dense": 2}


@pytest.mark.parametrize(
    ("task", "names", "told"),
    [
        (
            "classification",
            ("acuracy",),
            r"no metric called 'acuracy'\nknown for it are accuracy, .*did you mean 'acc",
        ),
        ("retrieval", ("recal_at_10",), r"no metric called.*\n.*K is a whole number.*\ndid you mean 'recall_at_K'"),
        ("retrieval", ("recall_at_0",), "no metric called 'recall_at_0'"),
        ("retrieval", ("recall_at_K",), "no metric called 'recall_at_K'"),
        ("retrieval", ("recall_at_10_20",), "no metric called"),
        ("retrieval", ("recall_at_010",), "no metric called"),
        ("retrieval", ("mae",), r"'mae' is not for the task 'retrieval'\nit is for regression; known for it are map"),
        ("retrieval", ("mrr", "mrr"), "'mrr' is named twice"),
        ("plugin", (), "'plugin' has no metrics of its own"),
        ("plugin", ("nothing_like_it",), "known for it are none that come with xbench"),
    ],
)
def test_a_name_that_does_not_fit_is_told(task, names, told):
    with pytest.raises(InputError, match=rf"(?s){told}"):
        metrics_for(task, names)


def test_without_a_task_all_are_known():
    with pytest.raises(InputError, match=r"known are accuracy, .*, mae, .*, top_K_accuracy"):
        metric("no_such_thing")


def test_a_library_that_is_not_here_is_told_before_anything_is_run(monkeypatch):
    monkeypatch.setattr("xbench.metrics.choosing.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"'median_absolute_error' needs the package scikit-learn\n.*\npip install"):
        metrics_for("regression", ("median_absolute_error",))
    for task, names in DEFAULTS.items():
        assert tuple(metrics_for(task, ())) == names, "a task's own need no more than the base install"
