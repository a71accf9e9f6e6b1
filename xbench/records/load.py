"""The load that is put on a model while it is timed."""

from __future__ import annotations

from typing import Literal

from .base import Record

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
"""MLPerf's names (inference rules, section "Scenarios")."""


class Load(Record):
    """A scenario with its figures, as it is measured.

    MultiStream: a query takes `calls_per_query` calls. Server: queries of one call arrive at random, and the
    percentile (a share: 0.99 is p99) of their latency is to stay within `objective_ns`.
    """

    scenario: Scenario = "SingleStream"
    calls_per_query: int = 1
    objective_ns: int = 0
    percentile: float = 0.99
