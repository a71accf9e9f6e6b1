"""What is said of a machine by how it measured what is known; and that what is planted is known."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from records_by_hand import comparison, group, summary

from xbench.machine.fingerprint import fingerprint
from xbench.records.comparison import CaseResult
from xbench.records.measurement import DisturbanceSummary
from xbench.selftest.judging import judge
from xbench.selftest.planting import plant
from xbench.selftest.wording import per_cent

MACHINE = fingerprint().model_copy(update={"governor": "performance", "cgroup_cpu_limit": None})
QUIET_COPY = ("same", (1.001, 0.997, 1.005))
QUIET_PLANTED = ("slower", (0.953, 0.949, 0.957))


def measured(copy=QUIET_COPY, planted=QUIET_PLANTED, floor=0.005, **more):
    """A group as the road leaves it."""
    compared = [
        comparison(name, verdict, speedup, baseline="known", noise_floor=floor, reasons=(f"{name} is {verdict}",))
        for name, (verdict, speedup) in {"copy": copy, "planted": planted}.items()
    ]
    return group(compared, baseline="known", noise_floor=floor, **more)


def judged(machine=MACHINE, **how):
    return judge(measured(**how), machine, budget_seconds=30.0, margin=0.02)


def test_a_quiet_machine_is_fit():
    found = judged()
    assert (found.verdict, found.exit_code) == ("fit", 0)
    assert found.planted.found
    assert found.planted.expected == pytest.approx(20 / 21)
    assert found.noise_floor == 0.005
    assert found.half_width == pytest.approx(0.004 / 0.953)
    assert found.noise_floor + found.half_width < found.smallest_effect < 0.02
    assert len(found.reasons) == 3
    assert not found.remedies


def test_a_noisier_one_is_fit_for_what_is_above_its_noise():
    found = judged(copy=("inconclusive", (1.0, 0.985, 1.015)), floor=0.015)
    assert (found.verdict, found.exit_code) == ("noisy", 0)
    assert 0.03 < found.smallest_effect < 0.05
    assert per_cent(found.smallest_effect) in found.reasons[0]
    assert found.remedies


WRONG = {
    "a floor of 6 % hides 5 %": ({"floor": 0.06, "planted": ("inconclusive", (0.95, 0.93, 0.97))}, "6 % hides"),
    "a copy that is faster": ({"copy": ("faster", (1.02, 1.01, 1.03))}, "called faster"),
    "a copy that is slower": ({"copy": ("slower", (0.98, 0.97, 0.99))}, "called slower"),
    "a slowdown that is called none": ({"planted": ("same", (1.0, 0.999, 1.001))}, "called same"),
    "a slowdown that is called a speedup": ({"planted": ("faster", (1.05, 1.04, 1.06))}, "called faster"),
    "a slowdown twice as large": ({"planted": ("slower", (0.90, 0.89, 0.91))}, "measured wrongly"),
    "a worker that died": ({"planted": ("invalid", None)}, "planted is invalid"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_makes_the_machine_unfit(name):
    how, words = WRONG[name]
    found = judged(**how)
    assert (found.verdict, found.exit_code) == ("unfit", 4)
    assert not found.planted.found or "copy" in name
    assert words in found.reasons[0]
    assert found.remedies


def test_a_wrong_size_is_wrong_beyond_the_margin_only():
    """The bound is 20/21 / 1.02 = 0.9337 for the upper end of the interval."""
    assert judged(planted=("slower", (0.930, 0.926, 0.934))).planted.found
    assert not judged(planted=("slower", (0.929, 0.925, 0.933))).planted.found


UNDECIDED = {
    "a planted slowdown that is not decided": {"planted": ("inconclusive", (0.97, 0.94, 1.0)), "floor": 0.02},
    "no interval at all": {"copy": ("inconclusive", None), "planted": ("inconclusive", None), "floor": None},
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_cannot_be_decided_is_inconclusive(name):
    found = judged(**UNDECIDED[name])
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert not found.planted.found
    assert "planted is inconclusive" in found.reasons[-1]
    assert (found.smallest_effect is None) == (found.noise_floor is None)
    assert any("--budget" in remedy for remedy in found.remedies)


def test_a_figure_that_is_no_number_is_left_out_of_the_data():
    found = judged(copy=("invalid", (1.0, 0.0, float("inf"))), floor=None)
    assert found.verdict == "unfit"
    assert (
        json.loads(json.dumps(found.model_dump(mode="json", by_alias=True), allow_nan=False))["copy"]["speedup"]
        is None
    )


def test_remedies_name_what_was_seen():
    disturbed = summary().model_copy(
        update={"disturbance": DisturbanceSummary(disturbed_share=0.31, causes=("others",), steal_share=0.02)}
    )
    cases = tuple(
        CaseResult(variant=name, hardware="cpu", workload="w", summary=one)
        for name, one in {"known": summary(), "copy": disturbed}.items()
    )
    changing = MACHINE.model_copy(update={"governor": "powersave", "cgroup_cpu_limit": 1.5, "cpus_usable": 4})
    found = judged(changing, floor=0.03, cases=cases)
    assert found.disturbance.disturbed_share == 0.31
    told = "\n".join(found.remedies)
    for words in ("31 % of a variant's blocks were disturbed (others)", "2 % of the CPU", "powersave", "1.5 of 4"):
        assert words in told


@pytest.mark.parametrize(("share", "text"), [(0.05, "5 %"), (21 / 20 - 1, "5 %"), (0.02101, "2.2 %"), (0.1, "10 %")])
def test_noise_is_never_told_smaller_than_it_is(share, text):
    assert per_cent(share) == text


def test_what_is_planted_is_one_equal_layer_more(tmp_path):
    loaded = plant(tmp_path)
    assert loaded.suite.baseline.name == "known"
    models = {name: onnx.load(tmp_path / f"{name}.onnx") for name in ("known", "copy", "planted")}
    assert models["known"] == models["copy"]
    counts = {name: sum(node.op_type == "MatMul" for node in made.graph.node) for name, made in models.items()}
    assert counts == {"known": 20, "copy": 20, "planted": 21}
    for name, made in models.items():
        onnx.checker.check_model(made, full_check=True)
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        fed = np.random.default_rng(1).standard_normal((1, 256, 192)).astype(np.float32)
        (y,) = session.run(None, {"x": fed})
        assert np.isfinite(y).all()
        assert 0.01 < np.abs(y).mean() < 100
