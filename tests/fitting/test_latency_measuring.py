"""Tables of latency against a target that takes what a formula says; and one small real measurement."""

from __future__ import annotations

import math

import numpy as np
import pytest
from latency_kit import CONV, DEPTHWISE, POINTWISE, PRODUCT, journey, layer, scripted, scripts_of

from xbench.errors import InputError, InvalidError, UnavailableError
from xbench.fitting.batch import Batch, Job, Measuring, label_of
from xbench.fitting.measuring import expected_seconds, measure_tables, wanted_points
from xbench.machine.fingerprint import fingerprint
from xbench.profiles.finding import all_profiles
from xbench.records.profile import Emulation
from xbench.stats.median import median_interval

HERE = fingerprint()
QUICK = Measuring(sets=2)
OUTPUTS = (8, 16, 24, 32, 40, 48, 56, 64)


@pytest.fixture(autouse=True)
def _own_shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def stepped(inputs, outputs):
    """Hardware that computes 16 channels at a time."""
    return 5.0 * math.ceil(outputs / 16) * inputs / 64


def test_true_latencies_and_the_flat_stretches_come_back():
    points = [(64, width) for width in OUTPUTS]
    profile = scripted(scripts_of(stepped, points, noise=0.01, process_noise=0.02))
    found = measure_tables([layer(CONV)], {"layer": ((64,), OUTPUTS)}, profile, HERE, journey())
    for inputs, outputs in points:
        seen = found.latency_us(CONV, inputs, outputs)
        assert seen.point == pytest.approx(stepped(inputs, outputs), rel=0.06)
        assert seen.low <= seen.point <= seen.high
    assert found.latency_us(CONV, 64, 12).point == pytest.approx(5.0, rel=0.06)
    table = found.tables[CONV]
    assert table.simulated
    assert found.simulated
    assert (len(table.points[0].process_latencies_us), table.confidence) == (6, 1 - 2 / 2**6)
    flat = [line for line in found.flat_stretches() if "flat between" in line]
    assert [line.split("flat between ")[1].split(" outputs")[0] for line in flat] == [
        "8 and 16",
        "24 and 32",
        "40 and 48",
        "56 and 64",
    ]


def test_what_fails_is_missing_with_its_reason_and_the_others_are_there():
    points = [(64, width) for width in (16, 32, 48, 64)]
    scripts = scripts_of(stepped, points)
    scripts[label_of(CONV, 64, 16, 1)] = {"fault": {"kind": "die"}}
    scripts[label_of(CONV, 64, 32, 3)] = {"fault": {"kind": "refuse"}}
    widths = {"layer": ((64,), (16, 32, 48, 64))}
    found = measure_tables([layer(CONV)], widths, scripted(scripts), HERE, journey(), QUICK)
    table = found.tables[CONV]
    assert [one.outputs for one in table.points] == [48, 64]
    assert "told to die" in table.missing["64x16"]
    assert "told to refuse" in table.missing["64x32"]
    with pytest.raises(InvalidError, match="told to refuse"):
        found.latency_us(CONV, 64, 32)


def test_a_layer_that_the_target_computes_elsewhere_has_no_table():
    bad = {label_of(PRODUCT, 8, 8, copies): {"elsewhere": 0.5} for copies in (1, 3)}
    profile = scripted(bad | scripts_of(stepped, [(64, 64)]))
    layers = [layer(CONV, "a"), layer(PRODUCT, "b")]
    told = journey()
    found = measure_tables(layers, {"a": ((64,), (64,)), "b": ((8,), (8,))}, profile, HERE, told, QUICK)
    assert list(found.tables) == [CONV]
    assert "50%" in found.failures[PRODUCT]
    assert "50%" in told.listener.notes[0]
    with pytest.raises(InvalidError, match="50%"):
        found.latency_us(PRODUCT, 8, 8)
    with pytest.raises(InvalidError, match="Not one layer"):
        measure_tables(layers[1:], {"b": ((8,), (8,))}, profile, HERE, journey(), QUICK)


def test_a_layer_that_takes_nothing_is_no_figure():
    free = scripts_of(lambda i, o: 0.0 if o == 16 else 5.0, [(64, 16), (64, 64)], noise=0.0)
    found = measure_tables([layer(CONV)], {"layer": ((64,), (16, 64))}, scripted(free), HERE, journey(), QUICK)
    assert "too little" in found.tables[CONV].missing["64x16"]


class Drifting(Batch):
    """Each call takes 1 us more than the one before; the first visits are disturbed, and take twice as long."""

    def __init__(self, bad_visits, tries):
        super().__init__(CONV, scripted({}), Measuring(sets=2, tries=tries), 2, [Job(64, 64)])
        self.calls, self.bad = 0, 4 * bad_visits + 1  # one call more warms the process up

    def _process(self, stack):
        return None

    def _call_ns(self, process, folder, job, copies, seen):
        self.calls += 1
        bad = self.calls <= self.bad
        seen.disturbed += bad
        seen.samples += 3
        return (40 + 5 * copies) * 1000 * (2 if bad else 1) + 1000 * self.calls


def test_drift_falls_out_and_a_disturbed_visit_is_made_again_or_marked():
    batch = Drifting(bad_visits=2, tries=3)
    batch.measure(lambda share: None)
    (seen,) = batch.seen.values()
    assert seen.latencies_us == pytest.approx([5.0, 5.0])
    assert (seen.disturbed, seen.samples) == (0, 2 * 4 * 3)
    batch = Drifting(bad_visits=2, tries=2)
    batch.measure(lambda share: None)
    (seen,) = batch.seen.values()
    assert seen.latencies_us == pytest.approx([10.0, 5.0])
    assert seen.disturbed == 1


def test_targets_whose_times_mean_nothing_are_refused():
    layers, widths = [layer(CONV)], {"layer": ((64,), (64,))}
    played = scripted({}, emulation=Emulation(program="qemu-x86_64", cpu="Haswell"))
    with pytest.raises(UnavailableError, match="its times mean nothing"):
        measure_tables(layers, widths, played, HERE, journey())
    with pytest.raises(InvalidError, match="int8"):
        measure_tables(layers, widths, scripted({}, precision="int8"), HERE, journey())
    with pytest.raises(InvalidError, match="PyTorch's programs"):
        measure_tables(layers, widths, all_profiles()["torch-eager"], HERE, journey())
    gone = scripted({}, requires={"systems": ("plan9",)})
    with pytest.raises(UnavailableError, match="plan9"):
        measure_tables(layers, widths, gone, HERE, journey())


def test_equal_layers_share_their_points_and_impossible_ones_are_refused():
    widths = {"a": ((32, 64), (64,)), "b": ((64,), (64, 128)), "c": ((1,), (8, 16))}
    layers = [layer(CONV, "a"), layer(CONV, "b"), layer(DEPTHWISE, "c"), layer(PRODUCT, "not asked for")]
    assert wanted_points(layers, widths) == {
        CONV: ((32, 64), (64, 64), (64, 128)),
        DEPTHWISE: ((8, 8), (16, 16)),
    }
    grouped = CONV.model_copy(update={"groups": 4})
    with pytest.raises(InputError, match="10 x 8"):
        wanted_points([layer(grouped, "a")], {"a": ((10,), (8,))})
    with pytest.raises(InputError, match="No latency table"):
        wanted_points([layer(None, "a")], {"a": ((8,), (8,))})


def test_the_cost_is_told_before_and_is_nothing_for_what_is_kept():
    layers = [layer(CONV)]
    profile = scripted(scripts_of(stepped, [(64, 32), (64, 64)]))
    small, large = {"layer": ((64,), (64,))}, {"layer": ((64,), (32, 64))}
    told = [expected_seconds(layers, widths, profile, HERE, QUICK) for widths in (small, large)]
    assert 0 < told[0] < told[1]
    assert told[0] < expected_seconds(layers, small, profile, HERE, Measuring(sets=6))
    big = CONV.model_copy(update={"shape": (64, 512, 512)})
    assert told[0] < expected_seconds([layer(big)], small, profile, HERE, QUICK)
    way = journey()
    measure_tables(layers, small, profile, HERE, way, QUICK)
    assert expected_seconds(layers, small, profile, HERE, QUICK) == 0
    assert way.listener.shown[-1][2] > way.listener.shown[0][2]


def test_the_interval_holds_the_true_median_as_often_as_it_says():
    random = np.random.default_rng(0)
    for count in (4, 6, 12):
        draws = random.lognormal(0, 1, (4000, count))  # true median 1
        intervals = [median_interval(row) for row in draws]
        held = np.mean([one.low <= 1 <= one.high for one in intervals])
        assert held == pytest.approx(intervals[0].confidence, abs=0.015)
    assert median_interval(range(12)).confidence > 0.95
    assert (median_interval(range(12)).low, median_interval(range(12)).high) == (2, 9)
    with pytest.raises(ValueError, match="two finite"):
        median_interval([1.0])


def test_a_small_real_table_of_the_cpu():
    pytest.importorskip("onnxruntime")
    layers = [layer(POINTWISE, "a"), layer(PRODUCT, "b")]
    widths = {"a": ((8, 16), (8,)), "b": ((32,), (16,))}
    found = measure_tables(layers, widths, all_profiles()["cpu"], HERE, journey(), Measuring(sets=2, tries=1))
    assert set(found.tables) | set(found.failures) == {POINTWISE, PRODUCT}
    for table in found.tables.values():
        assert not table.simulated
        assert len(table.points) + len(table.missing) == len(wanted_points(layers, widths)[table.signature])
        for one in table.points:
            assert 0 <= one.latency_low_us <= one.latency_us <= one.latency_high_us
            assert (len(one.process_latencies_us), one.disturbed <= 2) == (2, True)


def test_points_that_cannot_be_added_leave_the_table_that_is_there():
    scripts = scripts_of(stepped, [(64, 32)])
    scripts |= {label_of(CONV, 64, 64, copies): {"fault": {"kind": "refuse"}} for copies in (1, 3)}
    profile = scripted(scripts)
    measure_tables([layer(CONV)], {"layer": ((64,), (32,))}, profile, HERE, journey(), QUICK)
    told = journey()
    found = measure_tables([layer(CONV)], {"layer": ((64,), (32, 64))}, profile, HERE, told, QUICK)
    assert (list(found.tables), found.failures) == ([CONV], {})
    assert "told to refuse" in told.listener.notes[0]
    assert found.latency_us(CONV, 64, 32).point == pytest.approx(10, rel=0.05)
