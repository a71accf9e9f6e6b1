"""Makes modules beside this file importable by all tests: `records_by_hand` builds run records, `stand_ins` libraries."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _interruptible():
    """A shell starts its background jobs with SIGINT ignored, and so would their children be."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds on two cores")
