"""What a person sees in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from .conftest import COMMAND
from .models import mlp, save


def in_terminal(folder, columns, *arguments, **variables):
    """What the command writes to a terminal of that many columns, standard error included."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment | {"TERM": "xterm"} | variables,
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    written = b""
    try:
        while chunk := os.read(parent, 65536):
            written += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(parent)
    process.wait(timeout=60)
    return written.decode()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    evil = folder / "evil\x1b[5m[bold]\u202e.onnx"
    save(mlp(), evil)
    seen = in_terminal(folder, 100, "compare", evil.name, evil.name, "--hardware", "cpu", "--budget", "4s")
    return folder, seen


def test_names_do_not_reach_the_terminal_raw(recorded):
    _, seen = recorded
    assert "\x1b[5m" not in seen
    assert "\u202e" not in seen
    assert "evil\\x1b[5m[bold]\\u202e.onnx" in seen
    assert "measure: cpu" in seen
    assert " left" in seen


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_figure_is_cut_however_narrow_the_terminal_is(recorded, columns):
    folder, _ = recorded
    narrow = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(folder, columns, "report"))
    whole = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(folder, 400, "report"))
    assert all(len(line) <= columns for line in narrow.splitlines())
    figures = re.compile(r"\d[\d.]*x?")
    assert set(figures.findall(narrow)) == set(figures.findall(whole))


def test_no_colour_where_it_is_not_wanted_or_nobody_sees_it(recorded):
    folder, _ = recorded
    colour = re.compile(r"\x1b\[[0-9;]*3[1-7]m")
    assert colour.search(in_terminal(folder, 200, "report"))
    assert not colour.search(in_terminal(folder, 200, "report", NO_COLOR="1"))
    piped = subprocess.run([*COMMAND, "report"], cwd=folder, capture_output=True, text=True, check=True)
    assert "\x1b" not in piped.stdout
