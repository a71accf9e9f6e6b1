"""The page names every field of the data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xbench.records import compaction

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compact.md"
if not PAGE.is_file():
    pytest.skip("the documentation is not here: this runs in a checkout", allow_module_level=True)


def test_every_field_is_on_the_page():
    named = set(re.findall(r"`([a-z0-9_]+)`", PAGE.read_text()))
    kinds = (
        compaction.Compaction,
        compaction.FileState,
        compaction.Removal,
        compaction.Kept,
        compaction.Difference,
    )
    fields = {field.alias or name for kind in kinds for name, field in kind.model_fields.items()}
    assert fields <= named
