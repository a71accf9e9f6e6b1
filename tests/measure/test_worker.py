"""Real worker processes: what they are asked, how they fail, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import psutil
import pytest
from measure_models import CPU, LIMIT, echo, endless, matmul, scripted
from onnx import TensorProto

from xbench.errors import InputError, InvalidError, WorkerError
from xbench.measure.exchange import write_inputs
from xbench.measure.inspection import check_placement, loaded
from xbench.measure.plan import Entry, MeasurePlan
from xbench.measure.process import WorkerProcess
from xbench.measure.station import Station

PROVIDER = "CPUExecutionProvider"


def workers_of(pid: int) -> list[psutil.Process]:
    return [c for c in psutil.Process(pid).children(recursive=True) if "xbench.measure.worker" in c.cmdline()]


def inputs_file(folder, size=8, sets=4):
    feeds = [{"x": np.full((1, size), i, np.float32)} for i in range(sets)]
    write_inputs(folder / "inputs.npz", feeds)
    return folder / "inputs.npz"


def test_a_worker_loads_binds_warms_up_and_times(tmp_path):
    model, inputs = matmul(tmp_path / "m.onnx"), inputs_file(tmp_path)
    with WorkerProcess(model, "m", CPU, LIMIT) as process:
        answer = process.request("load")
        assert answer["session_ns"] > 0
        assert answer["placement"]["providers"] == [PROVIDER]
        assert answer["placement"]["nodes"] == {PROVIDER: 1}
        process.request("read_inputs", inputs=str(inputs))
        assert process.request("bind")["first_inference_ns"] > 0
        warm = process.request("warm_up", seconds=0.01, calls=300)
        assert warm["call_ns"] > 0
        assert len(warm["warmup_ns"]) >= 300
        assert sum(warm["warmup_ns"]) >= 0.01e9
        assert warm["settled"] in (True, False)
        assert warm["clock_tick_ns"] is not None
        block = process.request("block", queries=50, first=1, calls_per_query=1)
        assert len(block["samples_ns"]) == 50
        assert min(block["samples_ns"]) > 0
        # One clock for the calls, another for the processor: both have seen the same work.
        assert block["cpu_ns"] > 0
        assert block["conditions"]["wall_ns"] >= sum(block["samples_ns"])
    assert not workers_of(os.getpid())


def test_the_memory_of_a_model_is_its_own(tmp_path):
    def memory(size):
        model, inputs = matmul(tmp_path / f"{size}.onnx", size), inputs_file(tmp_path, size)
        with WorkerProcess(model, "m", CPU, LIMIT) as process:
            process.request("load")
            process.request("read_inputs", inputs=str(inputs))
            process.request("bind")
            process.request("block", queries=3, first=0, calls_per_query=1)
            return process.request("memory")

    small, large = memory(8), memory(4096)  # 4096 * 4096 float32 are 64 MiB
    assert large["load_peak_mib"] - small["load_peak_mib"] > 60
    if large["run_peak_mib"] is None:
        pytest.skip(f"the kernel of this machine does not reset the peak: {large['reason']}")
    assert large["run_peak_mib"] - small["run_peak_mib"] > 60


def test_odd_inputs_and_outputs_come_back_as_they_are(tmp_path):
    kinds = {
        "flag": TensorProto.BOOL,
        "half": TensorProto.FLOAT16,
        "text/with: odd name": TensorProto.STRING,
        "number": TensorProto.INT64,
    }
    feeds = {
        "flag": np.array([[True, False]]),
        "half": np.array([1.5, -2.0], np.float16),
        "text/with: odd name": np.array(["ä", "", "longer"], dtype=object),
        "number": np.asarray(7, np.int64),
    }
    with loaded(echo(tmp_path / "echo.onnx", kinds), "echo", CPU, LIMIT) as model:
        first, second = model.infer([feeds, feeds])
    for outputs in (first, second):
        assert list(outputs) == [f"{name} out" for name in feeds]
        for name, fed in feeds.items():
            found = outputs[f"{name} out"]
            assert (found.dtype, found.shape, found.tolist()) == (fed.dtype, fed.shape, fed.tolist())


def test_a_profiled_run_tells_providers_and_shapes(tmp_path):
    with loaded(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as model:
        report = model.profile({"x": np.ones((3, 8), np.float32)}, optimised=False)
        assert report.output_shapes == {"product": [[3, 8]]}
        proven = check_placement(model.placement, report.provider_ns, CPU)
    assert proven.time_share == {PROVIDER: 1.0}


def test_an_error_is_an_answer_and_the_worker_goes_on(tmp_path):
    with WorkerProcess(matmul(tmp_path / "m.onnx"), "m", CPU, LIMIT) as process:
        with pytest.raises(WorkerError, match="no command 'dance'"):
            process.request("dance")
        process.request("load")
        write_inputs(tmp_path / "wrong.npz", [{"x": np.ones((1, 3), np.float32)}])
        with pytest.raises(InvalidError, match="does not run on these inputs"):
            process.request("infer", inputs=str(tmp_path / "wrong.npz"), outputs=str(tmp_path / "out.npz"))
        process.request("infer", inputs=str(inputs_file(tmp_path)), outputs=str(tmp_path / "out.npz"))


def test_a_file_that_cannot_be_loaded_is_refused_with_the_reason_of_the_runtime(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with (
        pytest.raises(InvalidError, match=r"cannot load m\.onnx"),
        loaded(tmp_path / "m.onnx", "m", CPU, LIMIT),
    ):
        pass


@pytest.mark.parametrize(
    ("kind", "told"),
    [("die", r"exit status 9\)\nthe fake runner was told to die"), ("kill", r"signal SIGKILL.*too much memory")],
)
def test_the_death_of_a_worker_is_told_with_its_cause_and_last_words(tmp_path, kind, told):
    profile = scripted({"*": {"fault": {"kind": kind, "at_call": 5}}})
    with WorkerProcess(tmp_path / "any.onnx", "m", profile, LIMIT) as process:
        process.request("load")
        process.request("read_inputs", inputs=str(inputs_file(tmp_path)))
        process.request("bind")
        with pytest.raises(WorkerError, match=f"worker of m died during `block` .*{told}"):
            process.request("block", queries=10, first=0, calls_per_query=1)
        with pytest.raises(WorkerError):
            process.request("memory")


def test_a_worker_that_hangs_is_ended_at_its_limit_and_not_later(tmp_path):
    """It must not compute on while the others are timed."""
    with WorkerProcess(endless(tmp_path / "loop.onnx"), "loop", CPU, 1.0) as process:
        process.request("load")
        (worker,) = workers_of(os.getpid())
        write_inputs(tmp_path / "inputs.npz", [{"x": np.ones(1, np.float32)}])
        process.request("read_inputs", inputs=str(tmp_path / "inputs.npz"))
        with pytest.raises(WorkerError, match="did not finish `bind` within 1 s"):
            process.request("bind")
        assert not worker.is_running()
        with pytest.raises(WorkerError, match="has ended already"):
            process.request("memory")


def test_refusals_and_wrong_options_of_a_profile_are_told(tmp_path):
    with (
        pytest.raises(InvalidError, match="told to refuse"),
        loaded(tmp_path / "any.onnx", "m", scripted({"m": {"fault": {"kind": "refuse"}}}), LIMIT),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"option 'scripts\.m\.speed'"),
        loaded(tmp_path / "any.onnx", "m", scripted({"m": {"speed": 3}}), LIMIT),
    ):
        pass
    assert not workers_of(os.getpid())


PARENT = """
import sys
from pathlib import Path
from xbench.measure.process import WorkerProcess
from xbench.profiles.finding import all_profiles

folder = Path(sys.argv[1])
with WorkerProcess(folder / "loop.onnx", "loop", all_profiles()["cpu"], 600.0) as process:
    process.request("load")
    print("loaded", flush=True)
    process.request("read_inputs", inputs=str(folder / "inputs.npz"))
    process.request("bind")
"""


def test_a_worker_ends_with_its_parent_even_inside_an_endless_inference(tmp_path):
    endless(tmp_path / "loop.onnx")
    write_inputs(tmp_path / "inputs.npz", [{"x": np.ones(1, np.float32)}])
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "loaded\n"
        (worker,) = workers_of(parent.pid)
        before = worker.cpu_times().user
        while worker.cpu_times().user < before + 0.2:  # it computes by now
            time.sleep(0.05)
        os.kill(parent.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs([worker], timeout=10)
    assert gone
    assert not alive


def test_waiting_workers_use_no_cpu_while_another_is_timed(tmp_path):
    model, inputs = matmul(tmp_path / "m.onnx", 512), inputs_file(tmp_path, 512)
    plan = MeasurePlan(CPU, inputs, budget_seconds=60, time_limit=LIMIT, seed=0, block_seconds=0.5)

    def spent(process):
        return sum(process.cpu_times()[:2])

    with ExitStack() as stack:
        stations, processes = {}, {}
        for name in ("waiting", "timed"):
            known = set(workers_of(os.getpid()))
            stations[name] = Station(Entry(name, name, model), plan, 0)
            stations[name].spawn(stack)
            stations[name].start()
            (processes[name],) = set(workers_of(os.getpid())) - known
        before = {name: spent(process) for name, process in processes.items()}
        for number in range(2):
            stations["timed"].block(number, 0)
        used = {name: spent(process) - before[name] for name, process in processes.items()}
    assert used["timed"] > 0
    assert used["waiting"] <= 0.03 * used["timed"]
