"""What the machine did during a block: out of made-up trees of /proc and /sys, and once on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from xbench.errors import UnavailableError
from xbench.machine import conditions as module
from xbench.machine.conditions import ConditionsProbe

STAT = "cpu  {user} 5 {system} 900 10 1 2 {steal} 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n"


class Tree:
    """A machine of two CPUs, which says what it is told to say."""

    def __init__(self, root):
        self.proc, self.sys = root / "proc", root / "sys"
        self.write("proc/self/task/10/schedstat", "5000 1000 3")
        self.write("proc/self/task/11/schedstat", "7000 2000 3")
        self.write("proc/loadavg", "0.20 0.18 0.12 3/80 11206\n")
        self.stat()
        self.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2400000\n")
        for cpu in (0, 1):
            self.write(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count", "4\n")

    def write(self, name, text):
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def stat(self, user=100, system=50, steal=20):
        self.write("proc/stat", STAT.format(user=user, system=system, steal=steal))

    def probe(self, **more):
        return ConditionsProbe([1, 0], proc=self.proc, sys=self.sys, **more)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def own_cpu(monkeypatch):
    """The CPU time of this process, in a list of one: nanoseconds."""
    clock = [0]
    monkeypatch.setattr(module.time, "process_time_ns", lambda: clock[0])
    return clock


class Joules:
    def __init__(self, *readings):
        self.readings = list(readings)

    def read_uj(self):
        reading = self.readings.pop(0)
        if reading is None:
            raise UnavailableError("Energy was asked for", "the card fell off the bus")
        return reading


def test_a_block_is_told_as_the_kernel_tells_it(tree, own_cpu):
    probe = tree.probe(energy=Joules(0, 500, 1250))
    probe.begin()
    # Thread 11 ended, 12 began; of what 11 waited nothing is known.
    (tree.proc / "self/task/11/schedstat").unlink()
    (tree.proc / "self/task/11").rmdir()
    tree.write("proc/self/task/10/schedstat", "9000 1600 5")
    tree.write("proc/self/task/12/schedstat", "10 70 1")
    tree.stat(user=103, system=51, steal=22)
    own_cpu[0] = 15_000_000
    tree.write("proc/loadavg", "0.20 0.18 0.12 5/80 11206\n")
    tree.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1800000\n")
    tree.write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "6\n")
    found = probe.end()
    assert (found.wait_ns, found.steal_ns, found.others_ns) == (600 + 70, 20_000_000, 40_000_000 - 15_000_000)
    assert (found.runnable, found.frequency_khz, found.throttled, found.energy_uj) == (5, 1_800_000, 2, 750)
    assert found.wall_ns > 0
    assert min(found.minor_faults, found.major_faults, found.voluntary_switches, found.involuntary_switches) >= 0
    assert probe.notes == ()


WAIT, TICKS = "time waited for a CPU", "CPU time of others and of the hypervisor"


@pytest.mark.parametrize(
    ("file", "text", "what", "fields"),
    [
        ("proc/self/task/10/schedstat", "five six", WAIT, ["wait_ns"]),
        ("proc/self/task/10/schedstat", "", WAIT, ["wait_ns"]),
        ("proc/stat", "cpu  1 2 3\n", TICKS, ["steal_ns", "others_ns"]),
        ("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n", TICKS, ["steal_ns", "others_ns"]),
        ("proc/stat", "intr 1 2 3 4 5 6 7 8 9\n", TICKS, ["steal_ns", "others_ns"]),
        ("proc/loadavg", "0.20 0.18\n", "length of the run queues", ["runnable"]),
        ("proc/loadavg", "0.00 0.00 0.00 0/0 0\n", "length of the run queues", ["runnable"]),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "<unsupported>\n", "frequency", ["frequency_khz"]),
        ("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "", "throttle events", ["throttled"]),
    ],
)
def test_what_is_absent_or_garbled_is_none_with_a_reason_and_the_rest_stays(tree, file, text, what, fields):
    whole = tree.probe().end()
    path = tree.proc.parent / file
    for change in (lambda: path.write_text(text), path.unlink):
        change()
        if file.endswith("10/schedstat"):  # The other thread would do; a kernel has it for all or for none.
            (tree.proc / "self/task/11/schedstat").unlink(missing_ok=True)
        probe = tree.probe()
        found = probe.end()
        assert [note.split(":")[0] for note in probe.notes] == [what]
        for name in ("wait_ns", "steal_ns", "others_ns", "runnable", "frequency_khz", "throttled"):
            assert (getattr(found, name) is None) == (name in fields)
            assert getattr(whole, name) is not None
        assert found.energy_uj is None


def test_a_kernel_that_does_not_count_waits_is_not_one_where_nobody_waits(tree):
    for thread in (10, 11):
        tree.write(f"proc/self/task/{thread}/schedstat", "0 0 0\n")
    probe = tree.probe()
    assert probe.end().wait_ns is None
    assert "CONFIG_SCHED_INFO" in probe.notes[0]


def test_a_counter_that_goes_back_or_fails_is_not_believed_any_more(tree):
    probe = tree.probe(energy=Joules(0, 10, 20, 30, None))
    probe.begin()
    assert probe.end().energy_uj == 10
    probe.begin()
    tree.stat(steal=19)
    found = probe.end()
    assert (found.steal_ns, found.others_ns, found.energy_uj) == (None, None, None)
    tree.stat(steal=30)
    probe.begin()
    assert probe.end().steal_ns is None
    assert [note.split(":")[0] for note in probe.notes] == ["energy", TICKS]
    assert "fell off the bus" in probe.notes[0]
    assert "went back" in probe.notes[1]


BLOCKS = 300


@pytest.mark.parametrize("others_share", [0.0, 0.3])
def test_others_are_right_in_sum_though_a_block_is_hardly_longer_than_a_tick(tree, own_cpu, others_share):
    random = np.random.default_rng(5)
    probe = tree.probe()
    block_ns, cpus, busy_ns, others_ns, negative = 12_000_000, 2, 0, 0, 0
    for _ in range(BLOCKS):
        busy_ns += int(random.uniform(0, 50_000_000))
        tree.stat(user=1000 + busy_ns // 10_000_000)
        probe.begin()
        own_cpu[0] += int(block_ns * cpus * (1 - others_share))
        busy_ns += block_ns * cpus
        tree.stat(user=1000 + busy_ns // 10_000_000)
        found = probe.end().others_ns
        others_ns += found
        negative += found < 0
    assert others_ns / (BLOCKS * block_ns * cpus) == pytest.approx(others_share, abs=0.02)
    assert not negative


BUSY = "import os\nos.sched_setaffinity(0, {%d})\nwhile True: pass"
WATCHED = """
    import json, os, subprocess, sys, time
    from xbench.analysis.disturbance import disturbed
    from xbench.machine.conditions import ConditionsProbe

    cpu = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    probe = ConditionsProbe([cpu])

    def block(seconds):
        probe.begin()
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            pass
        found = probe.end()
        share = None if found.wait_ns is None else found.wait_ns / found.wall_ns
        return share, disturbed(found, os.cpu_count()), found.involuntary_switches

    found = {"alone": [], "beside": []}
    for _ in range(4):
        found["alone"].append(block(0.1))
        neighbours = [subprocess.Popen([sys.executable, "-c", sys.argv[1] % cpu]) for _ in range(3)]
        time.sleep(0.1)
        found["beside"].append(block(0.1))
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    print(json.dumps([found, probe.notes]))
"""


def test_neighbours_on_the_same_cpu_are_seen():
    command = [sys.executable, "-c", textwrap.dedent(WATCHED), BUSY]
    found, notes = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    if any(note.startswith(WAIT) for note in notes):
        pytest.skip(notes[0])
    alone, beside = ([share for share, _, _ in found[name]] for name in ("alone", "beside"))
    assert np.median(beside) > 0.2, "four want one CPU"
    # Others may run on this CPU too: the quietest block of each kind tells it best.
    assert min(alone) < min(beside), (alone, beside)
    assert any("waited for a CPU" in words for _, words, _ in found["beside"])
    assert all(switches > 0 for _, _, switches in found["beside"])
