"""docs/latency-tables.md names every field, and the sizes that it tells are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xbench.fitting.batch import COPIES, Measuring
from xbench.fitting.flatness import FLAT
from xbench.fitting.layers import LEAST_SHARE, MOST_WIDTHS
from xbench.records import latency

PAGE = Path(__file__).resolve().parents[2] / "docs" / "latency-tables.md"
if not PAGE.is_file():
    pytest.skip("the documentation is not here: this runs in a checkout", allow_module_level=True)


def test_every_field_is_on_the_page():
    named = set(re.findall(r"`([a-z0-9_]+)`", PAGE.read_text()))
    kinds = (latency.LatencyTable, latency.LatencyPoint, latency.LayerSignature)
    fields = {field.alias or name for kind in kinds for name, field in kind.model_fields.items()}
    assert fields <= named


def test_the_sizes_are_those_of_the_code():
    how = Measuring()
    assert (how.sets, how.tries, how.warmup_seconds, how.block_seconds) == (6, 3, 0.002, 0.005)
    assert (COPIES, FLAT, MOST_WIDTHS, LEAST_SHARE) == ((1, 3), 0.25, 8, 0.125)
