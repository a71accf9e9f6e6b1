"""Options that cannot be: a clear error, exit code 2, and nothing measured."""

from __future__ import annotations

import pytest

from .conftest import assert_clear_error
from .models import mlp, save

BAD = {
    "--shape nosuch=1x32": "'x'",
    "--shape x=1x32x3": "rank 2, not 3",
    "--shape x=1x33": "fixed at 32",
    "--shape x=0x32": "nothing would be computed",
    "--shape x=\N{SUPERSCRIPT TWO}x32": "--shape INPUT=1x3x224x224",
    "--shape x=1000000000x32": "119.2 GiB",
    "--precision fast": "write 1% or 0.01",
    "--precision 200%": "at most 0.5",
    "--budget soon": "write 30s",
    "--budget 0s": "above 0",
    "--time-limit nan": "write 30s",
    "--hardware cpuu": "did you mean 'cpu'?",
    "--json nosuch/out.json": "folder does not exist",
}


@pytest.mark.parametrize("option", BAD)
def test_an_option_that_cannot_be(xbench, option):
    base, candidate = save(mlp(), xbench.folder / "base.onnx"), save(mlp(32), xbench.folder / "cand.onnx")
    assert_clear_error(xbench("compare", base, candidate, *option.split(" ")), 2, BAD[option])
    assert not xbench.runs


@pytest.mark.parametrize("command", ["report nosuch", "report", "hardware show nosuch"])
def test_a_name_that_is_not_there(xbench, command):
    assert_clear_error(xbench(*command.split(" ")), 2, "no")


@pytest.mark.parametrize("command", ["comparee", "compare a.onnx"])
def test_wrong_usage_is_told_without_boxes(xbench, command):
    ended = xbench(*command.split(" "))
    assert ended.code == 2
    assert "Error: " in ended.err
    assert ended.err.isascii()


def test_debug_may_stand_anywhere_and_shows_the_traceback(xbench):
    ended = xbench("run", "nosuch.yaml", "--debug")
    assert ended.code == 2
    assert "Traceback" in ended.err
