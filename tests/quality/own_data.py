"""Makes tasks on data that a test writes, and runs what the test plays a model with."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from xbench.quality.mean import answers_of
from xbench.quality.opening import make_task
from xbench.quality.scoring import example_scores
from xbench.records.evaluation import EvaluationSpec

SPEC = TypeAdapter(EvaluationSpec)


def task(folder, transformers=None, trusted=False, **keys):
    return make_task(SPEC.validate_python(keys), Path(folder), transformers, trusted)


def write_jsonl(path, rows):
    pytest.importorskip("pyarrow", reason="tables are read by it")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_csv(path, header, rows):
    pytest.importorskip("pyarrow", reason="tables are read by it")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def tokenizer(folder, words):
    """Saves a tokenizer that knows these words, each one token."""
    import tokenizers

    known = {"[UNK]": 0, **{word: number for number, word in enumerate(words, 1)}}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))  # noqa: S106
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.save(str(folder / "tokenizer.json"))


def scored(made, inputs, infer, reference=None):
    """The scores of what `infer` answers, and the values of all metrics."""
    kept = answers_of(made, inputs, infer)
    found = example_scores(made, kept, reference, "v", "cpu")
    good = np.asarray([n not in found.failed for n in range(len(made.examples.ids))])
    values = {
        name: metric.value(found.metrics[name][good], np.ones(good.sum())) for name, metric in made.metrics.items()
    }
    return found, values
