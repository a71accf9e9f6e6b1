"""`planted`: travels the whole road on a scripted device, in this process, and gives what came of it."""

from __future__ import annotations

import json

import pytest
from planted_kit import Found, scripted, travelled
from road.road_kit import write_suite

# Six sets, however slow this machine is: nothing stops by the clock on the wall.
SIX_SETS = {"precision": 0.5, "budget": 3600}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    scripted(monkeypatch)

    def run(scripts, **suite) -> Found:
        """`scripts` by variant, the baseline first; `suite` as `write_suite` takes it."""
        plain = json.loads(json.dumps(scripts))  # the same part twice would be an anchor in YAML
        return travelled(write_suite(tmp_path, plain, **{"measure": SIX_SETS, **suite}))

    return run
