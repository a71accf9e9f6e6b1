"""Writes docs/quality-results.md from the runs that are kept under results/: no figure on that page is typed by hand.

    python scripts/quality_docs.py [--check]

A test holds the page against what this prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from page_file import write_or_check

from xbench.records.run_record import RunRecord
from xbench.report.markdown import table_markdown
from xbench.report.quality import quality_lines, quality_tables
from xbench.report.text import markdown
from xbench.store.folder import ResultsFolder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/quality-results.md"

HEAD = """\
# Quality: results

What `xbench run examples/minilm.yaml` and `xbench run examples/digits.yaml --trust` found of quality, as
`xbench report RUN --details` shows it. This page is written by `scripts/quality_docs.py` from the runs under
[results](../results), and a test holds it against them. How to read it: [quality.md](quality.md). Nothing is
fine-tuned here but the variant that says so.
"""


def quality_runs() -> list[RunRecord]:
    """The kept runs that tell what they were scored on, the oldest first."""
    records = [folder.load() for folder in ResultsFolder(ROOT / "results").runs()]
    return [record for record in records if record.data is not None]


def _sections(record: RunRecord) -> Iterator[str]:
    yield f"## {markdown(str(record.suite['name']))}"
    yield f"Run: [{record.id}](../results/{record.id})."
    yield from (markdown(line) for line in quality_lines(record, details=True))
    for device in record.devices:
        yield from (table_markdown(table) for table in quality_tables(record, device.profile.name, details=True))


def page() -> str:
    """The whole page."""
    return "\n\n".join([HEAD.rstrip(), *(part for record in quality_runs() for part in _sections(record))]) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, PAGE, page))
