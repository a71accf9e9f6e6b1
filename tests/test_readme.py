"""The README's figures are those of the run that is kept in `results/`, and come again from its raw samples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
if not README.is_file():
    pytest.skip("needs the checkout: there is no README beside the tests", allow_module_level=True)

from xbench.report.markdown import render, table_markdown  # noqa: E402
from xbench.report.rows import tables  # noqa: E402
from xbench.road.concluding import conclude  # noqa: E402
from xbench.road.recomputing import recompute  # noqa: E402
from xbench.store.folder import RunFolder  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402
from xbench.suite.model import Suite  # noqa: E402

(RUN,) = set(re.findall(r"results/(\d{8}T\d{6}Z-[\w-]+)", README.read_text()))
FOLDER = RunFolder(ROOT / "results" / RUN)


def test_the_table_is_that_of_the_kept_run():
    table = tables(FOLDER.load())[0]
    assert table_markdown(table).split("\n\n")[-1] in README.read_text()


def test_the_kept_run_comes_again_from_its_raw_samples():
    record = FOLDER.load()
    suite = Suite.model_validate(record.suite)
    assert render(conclude(recompute(record, suite, FOLDER), suite)) == render(record)


def test_the_kept_run_was_made_by_the_example_as_it_is():
    assert load_suite(ROOT / "examples" / "minilm.yaml").sha256 == FOLDER.load().suite_sha256
