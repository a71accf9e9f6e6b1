"""The page of metrics says what the registry has, and shows the example package as it is."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from xbench.metrics.choosing import DEFAULTS, FAMILIES, SHIPPED

DOCS = Path(__file__).resolve().parents[2] / "docs"
if not (DOCS / "metrics.md").is_file():
    pytest.skip("the documents are not here: this runs in a checkout", allow_module_level=True)
PAGE = (DOCS / "metrics.md").read_text()
SECTIONS = {
    title.lower().replace(" ", "-"): text
    for title, text in re.findall(r"^### ([^\n]+)\n(.*?)(?=^##)", PAGE, re.M | re.S)
}


def row(name, one):
    mean = "no" if one.span is None else "yes" if math.isinf(one.span) else f"yes, {one.span:g}"
    what = one.what.replace("10", "K") if name in FAMILIES else one.what
    return f"| `{name}` | {what} | {one.better} | {mean} | {one.source} |"


def test_each_task_has_its_table_and_its_own_metrics():
    assert SECTIONS.keys() == DEFAULTS.keys()
    named = {**SHIPPED, **{pattern: family(10) for pattern, family in FAMILIES.items()}}
    for task, text in SECTIONS.items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert rows == [row(name, one) for name, one in named.items() if task in one.tasks], task
        assert f"Own: {', '.join(f'`{name}`' for name in DEFAULTS[task])}." in text


def test_answers_are_told_for_each_task():
    table = PAGE.partition("## Answers and targets")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)`", table, re.M) == [*DEFAULTS, "plugin"]


def test_the_example_is_shown_as_it_is():
    shown = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", PAGE, re.S)
    assert [name for name, _ in shown] == ["pyproject.toml", "xbench_vision.py"]
    for name, block in shown:
        assert block in (DOCS / "metric_plugin" / name).read_text(), name
