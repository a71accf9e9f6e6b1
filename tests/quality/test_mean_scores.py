"""The mean of a task's metrics for any function from inputs to outputs: what floors of schedules look at."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.errors import InvalidError
from xbench.quality.classification import ClassificationTask
from xbench.quality.mean import mean_scores


def test_the_mean_is_that_of_all_examples_and_not_of_batches():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((23, 5)).astype(np.float32)
    labels = np.where(generator.random(23) < 0.6, scores.argmax(1), 0)
    task = ClassificationTask(scores, labels, 10, "x")  # the last of three batches is a short one
    fed = []

    def infer(feeds):
        fed.append((feeds["x"].dtype.name, len(feeds["x"])))
        return {"out": feeds["x"]}

    found = mean_scores(task, {"x": "float64"}, infer)
    assert found == {"accuracy": pytest.approx(metrics.accuracy_score(labels, scores.argmax(1)))}
    assert fed == [("float64", 10), ("float64", 10), ("float64", 3)]
    with pytest.raises(InvalidError, match="'out' holds NaN or infinity"):
        mean_scores(task, {"x": "float32"}, lambda feeds: {"out": np.full((10, 5), np.nan)})
