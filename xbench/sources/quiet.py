"""Keeps third-party libraries off the network and off the terminal: standard output belongs to data."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
}


def stay_offline() -> None:
    """Forbid Hugging Face's libraries the network. They read this once, so call it before importing them."""
    os.environ.update(OFFLINE)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Swallow prints, progress bars, warnings and log lines below ERROR while the block runs."""
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(max(level, logging.WARNING))
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            logging.disable(level)


def one_line(error: BaseException) -> str:
    """The kind of an error and the first line that says something, cut at 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else '(no message)'}"[:300]
