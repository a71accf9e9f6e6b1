"""What lies between measured widths, where a table is flat, and what is kept of tables between runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from latency_kit import CONV, DEPTHWISE, PRODUCT, journey, layer, point, scripted, scripts_of, table

from xbench.errors import InvalidError, StoreError
from xbench.fitting.batch import Batch, Measuring
from xbench.fitting.keeping import Shelf
from xbench.fitting.layers import widths_from
from xbench.fitting.measuring import measure_tables
from xbench.fitting.table import Tables
from xbench.machine.fingerprint import fingerprint
from xbench.records.latency import LatencyTable

HERE = fingerprint()
QUICK = Measuring(sets=2)


@pytest.fixture(autouse=True)
def _own_shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def tables(*points, **more):
    made = table(points, **more)
    return Tables({made.signature: made})


def test_between_measured_widths_it_is_what_scipy_says():
    interpolate = pytest.importorskip("scipy.interpolate")
    random = np.random.default_rng(3)
    inputs, outputs = (8, 16, 40, 64), (16, 32, 48)
    times = random.uniform(1, 20, (len(inputs), len(outputs)))
    found = tables(*(point(i, o, times[x, y]) for x, i in enumerate(inputs) for y, o in enumerate(outputs)))
    reference = interpolate.RegularGridInterpolator((inputs, outputs), times)
    for i, o in zip(random.integers(8, 65, 200).tolist(), random.integers(16, 49, 200).tolist(), strict=True):
        assert found.latency_us(CONV, i, o).point == pytest.approx(reference((i, o)).item())


def test_outside_of_what_was_measured_nothing_is_said():
    found = tables(point(16, 16, 1.0), point(16, 32, 2.0), point(32, 16, 3.0), point(32, 32, 4.0, spread=0.1))
    for wanted in ((15, 16), (16, 33), (64, 64), (8, 8)):
        with pytest.raises(InvalidError, match="inputs 16 to 32 and outputs 16 to 32"):
            found.latency_us(CONV, *wanted)
    with pytest.raises(InvalidError, match="no table of it was asked for"):
        found.latency_us(PRODUCT, 16, 16)
    middle = found.latency_us(CONV, 24, 24)
    assert (middle.low, middle.point, middle.high) == (pytest.approx(2.4), pytest.approx(2.5), pytest.approx(2.6))


def test_layers_of_several_widths_share_a_table_with_gaps():
    """Two rectangles: 8..16 x 8..16 and 64..128 x 64..128; between them nothing was measured."""
    found = tables(*(point(i, o, i * o / 64) for a, b in ((8, 16), (64, 128)) for i in (a, b) for o in (a, b)))
    assert found.latency_us(CONV, 12, 12).point == pytest.approx(12 * 12 / 64)
    assert found.latency_us(CONV, 96, 64).point == pytest.approx(96)
    with pytest.raises(InvalidError):
        found.latency_us(CONV, 12, 96)


def test_a_depthwise_layer_has_one_width():
    found = tables(point(8, 8, 1.0), point(16, 16, 3.0), signature=DEPTHWISE)
    assert found.latency_us(DEPTHWISE, 12, 12).point == pytest.approx(2.0)
    with pytest.raises(InvalidError):
        found.latency_us(DEPTHWISE, 8, 16)


def lines(times, noise=0.001, **more):
    return tables(*(point(64, width, us, **more) for width, us in times.items()), noise=noise).flat_stretches()


def test_flat_is_said_where_it_is_known_and_only_there():
    (line,) = lines({32: 5.0, 48: 10.0, 56: 10.0, 64: 10.1})
    assert "flat between 48 and 64 outputs at 64 inputs (10 and 10.1 us)" in line
    assert lines({32: 5.0, 48: 7.5, 64: 10.0}) == ()
    # The same flat middle where two copies of one layer differ by 8 %: neither flat nor steep.
    (line,) = lines({32: 5.0, 48: 10.0, 64: 10.1}, noise=0.08)
    assert "1 of 2 steps of outputs are too small to tell beside the noise of 8.0%" in line
    # Unpaired points that scatter by 10 % may hide a step.
    both = [point(64, 48, 10.0, "a", spread=0.1), point(64, 64, 10.0, "b", spread=0.1)]
    assert tables(*both).flat_stretches() == ()
    paired = [point(64, 48, 10.0, "a", spread=0.1), point(64, 64, 10.0, "a", spread=0.1)]
    assert len(tables(*paired).flat_stretches()) == 1, "what a process does to both falls out"
    # A narrower layer that is slower is no flat stretch.
    assert lines({48: 14.0, 64: 10.0}) == ()


@pytest.mark.parametrize(
    ("dense", "step", "most", "expected"),
    [
        (64, 16, 8, (16, 32, 48, 64)),
        (64, 8, 8, (8, 16, 24, 32, 40, 48, 56, 64)),
        (512, 16, 3, (64, 288, 512)),
        (70, 16, 8, (16, 32, 48, 64, 70)),
        (10, 16, 8, (10,)),
        (768, 64, 1, (768,)),
    ],
)
def test_widths_are_multiples_and_the_dense_one(dense, step, most, expected):
    assert widths_from(dense, step, most) == expected


def kept_profile(**more):
    return scripted(scripts_of(lambda i, o: o / 8, [(64, width) for width in (16, 32, 48, 64)]), **more)


def measured(widths, profile, machine=HERE):
    return measure_tables([layer(CONV)], {"layer": ((64,), widths)}, profile, machine, journey(), QUICK)


def test_what_is_kept_is_not_measured_again_and_only_what_is_missing_is_added(monkeypatch):
    profile = kept_profile()
    first = measured((32, 64), profile).tables[CONV]
    jobs = []
    monkeypatch.setattr(Batch, "measure", _noting(Batch.measure, jobs))
    assert measured((32, 64), profile).tables[CONV] == first
    assert jobs == []
    more = measured((16, 32, 64), profile).tables[CONV]
    assert jobs == [[(64, 16), (64, 16)]], "the missing point and its second copy"
    assert [one.outputs for one in more.points] == [16, 32, 64]
    assert more.points[1:] == first.points
    # Another machine, other options: nothing is known there.
    shelf = Shelf(profile, HERE)
    assert shelf.read(CONV) is not None
    other = HERE.model_copy(update={"cpu_model": "another"})
    strangers = [Shelf(profile, other), Shelf(profile.model_copy(update={"threads": 1}), HERE)]
    for stranger in strangers:
        assert stranger.read(CONV) is None
        # Not even where a file was copied over.
        stranger.make_room()
        stranger.file(CONV).write_text(shelf.file(CONV).read_text())
        assert stranger.read(CONV) is None
    assert shelf.read(PRODUCT) is None


def _noting(whole, jobs):
    def measure(self, on_visit):
        jobs.append([(job.inputs, job.outputs) for job in self.seen])
        return whole(self, on_visit)

    return measure


@pytest.mark.parametrize("damage", ["", "{", '{"schema": "xbench.latency-table/9"}', "\x00\x01"])
def test_a_damaged_table_is_told_with_its_file(damage):
    shelf = Shelf(kept_profile(), HERE)
    shelf.make_room()
    shelf.file(CONV).write_text(damage)
    with pytest.raises(StoreError, match=f"(?s){shelf.file(CONV).name}.*remove this file"):
        measured((64,), kept_profile())


def test_a_place_that_cannot_be_written_is_told_before_measuring(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="set XDG_DATA_HOME"):
        measured((64,), kept_profile())


def own(points):
    profile = kept_profile()
    fields = profile.model_dump(include={"runner", "options", "precision", "threads"})
    return table(points, profile=profile.name, fingerprint_sha256=HERE.sha256, **fields)


def _add(first):
    shelf = Shelf(kept_profile(), HERE)
    for width in range(first, first + 40, 2):
        shelf.add(own([point(64, width, float(width))]))


def test_two_that_add_at_once_lose_nothing():
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add, args=(first,)) for first in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    found = Shelf(kept_profile(), HERE).read(CONV)
    assert [one.outputs for one in found.points] == list(range(1, 41))
    assert LatencyTable.model_validate_json(found.model_dump_json(by_alias=True)) == found


_TWO_SIGNATURES = """
import sys
sys.path.insert(0, {folder!r})
from latency_kit import CONV, PRODUCT, journey, layer
from test_latency_lookup import HERE, kept_profile
from xbench.fitting.batch import Measuring
from xbench.fitting.measuring import measure_tables
layers = [layer(CONV, "a"), layer(PRODUCT, "b")]
widths = {{"a": ((64,), (64,)), "b": ((8,), (8, 16, 24))}}
measure_tables(layers, widths, kept_profile(), HERE, journey(), Measuring(sets=8))
"""


def test_a_kill_in_the_middle_keeps_what_was_finished():
    script = _TWO_SIGNATURES.format(folder=str(Path(__file__).parent))
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    shelf = Shelf(kept_profile(), HERE)
    deadline = time.monotonic() + 600  # it may have to wait for another xbench that is measuring
    while not shelf.file(CONV).is_file() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert shelf.read(CONV) is not None
    assert shelf.read(PRODUCT) is None
    assert measured((64,), kept_profile()).latency_us(CONV, 64, 64).point > 0
