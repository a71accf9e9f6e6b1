"""Models that never end are stopped: by the time limit, by Ctrl-C, with the parent; no worker is left."""

from __future__ import annotations

import signal
import subprocess
import time

import psutil
import pytest

from .conftest import COMMAND
from .models import endless, endless_loading, save


@pytest.mark.parametrize(("make", "stage"), [(endless, "infer"), (endless_loading, "load")])
def test_the_time_limit_stops_what_never_ends(xbench, make, stage):
    model = save(make(), xbench.folder / "m.onnx")
    ended = xbench("compare", model, model, "--time-limit", "2s", "--hardware", "cpu", "--quiet", timeout=90)
    assert ended.code == 4, ended
    assert f"did not finish `{stage}` within 2 s" in ended.out
    assert "--time-limit" in ended.out


def busy_workers(parent: psutil.Process) -> list[psutil.Process]:
    return [one for one in parent.children(recursive=True) if one.cpu_times().user > 1.5]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_ends_the_command_and_its_worker(xbench, number):
    model = save(endless(), xbench.folder / "m.onnx")
    command = [*COMMAND, "compare", str(model), str(model), "--hardware", "cpu"]
    child = subprocess.Popen(command, cwd=xbench.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not (workers := busy_workers(psutil.Process(child.pid))):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        child.send_signal(number)
        _, err = child.communicate(timeout=15)
    finally:
        child.kill()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    if number != signal.SIGKILL:
        assert child.returncode == 130
        assert b"Interrupted" in err
        assert b"Traceback" not in err
    assert (xbench.runs[0] / "run.json").is_file()
