"""What docs/datasets.md shows can be read, and makes what it says."""

import re
from pathlib import Path

import pytest
import yaml

from xbench.datasets import limits
from xbench.datasets.opening import open_dataset
from xbench.datasets.surveying import survey
from xbench.records.evaluation import ClassificationSpec, DataSpec

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/datasets.md"
if not PAGE.is_file():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)
TEXT = PAGE.read_text()


def block(kind):
    return re.search(rf"```{kind}\n(.*?)```", TEXT, re.S)[1]


def tuples(data):
    if isinstance(data, dict):
        return {key: tuples(value) for key, value in data.items()}
    return tuple(map(tuples, data)) if isinstance(data, list) else data


def test_the_example(tmp_path):
    pytest.importorskip("pyarrow")
    spec = ClassificationSpec.model_validate(tuples(yaml.safe_load(block("yaml"))["evaluate"]))
    (tmp_path / spec.dataset.file).write_text(block("jsonl"), encoding="utf-8")
    dataset = open_dataset(spec.dataset, tmp_path, trusted=False)
    examples = survey(dataset, spec.dataset, spec.text, spec.slices, spec.target, spec.classes).examples
    told = dict(
        re.findall(
            r"`([^`]+)` \((\d)", re.search(r"It makes the slices (.*?)\.\n", TEXT, re.S)[1].replace(" examples", "")
        )
    )
    assert {name: str(mask.sum()) for name, mask in examples.slices.items()} == told
    assert examples.labels.tolist() == [1, 0, 1, 0]
    assert examples.ids.tolist() == ["r1", "r2", "r3", "r4"]


def test_each_kind_is_one():
    kinds = [yaml.safe_load(text) for text in re.findall(r"^\| `(\{.*?\})` \|", TEXT, re.M)]
    assert len([DataSpec.model_validate(kind) for kind in kinds]) == 10


def test_the_limits_are_those_of_the_program():
    for value in (
        f"2 to {limits.MAX_EXAMPLES:,}",
        f"{limits.MAX_COLUMNS:,} in",
        f"{limits.MAX_BATCH_BYTES // 2**30} GiB",
        f"{limits.MAX_LINE_BYTES // 2**20} MiB",
        f"{limits.MAX_ROW_BYTES // 2**20} MiB",
        f"lists | {limits.MAX_DEPTH} |",
        f"up to {limits.MAX_SLICES} of them",
        f"{limits.MAX_ID_LENGTH}\ncharacters",
    ):
        assert value in TEXT
