"""Each reason planted in a model, and a control that has it not: `explain` names it in the first alone.

Files are real and times are planted, as `reasons_kit` says; `test_planted_on_this_cpu.py` runs the same on a CPU. A
control falls short of its ideal too, unless it says otherwise: so every family is asked for what it knows.
"""

from __future__ import annotations

import numpy as np
import pytest
from reasons_kit import RATES, Planted, chain, every_second, explained, kinds, reason, weights_of

WIDE = [256, 512, 256]
EQUAL = {"fc0": 1.0, "fc1": 1.0}
"""As long as the dense model takes."""
SHORT = {"fc0": 0.8, "fc1": 0.8}
"""Less than it takes, and far from a half."""
SHARE_OF_ERF = 3.0


def removed(times=SHORT, **more) -> Planted:
    """Half of the hidden neurons gone; with `SHORT`, most of the gain lost for reasons that nobody knows."""
    return Planted(chain([256, 256, 256]), times, **more)


def with_weights(change) -> Planted:
    """The dense chain, as slow as it is, with other weights."""
    dense = chain(WIDE)
    return Planted(chain(WIDE, weights=change(weights_of(dense))), EQUAL)


def scattered(weights):
    return [every_second(weight) for weight in weights]


def hidden_zeroed(weights):
    first, second = weights
    first[:, ::2], second[::2] = 0, 0
    return [first, second]


def two_of_four(weights):
    """Along the axis that is summed over, the first: in each column other two of four than in the one before."""
    for weight in weights:
        rows, columns = np.indices(weight.shape)
        weight[(rows + columns) % 4 < 2] = 0
    return weights


@pytest.fixture
def dense():
    return Planted(chain(WIDE), EQUAL)


def missed(found):
    """The explanation, of something that fell short of its ideal."""
    assert found.outcome == "not reached"
    return found


def test_zeros_multiplied(tmp_path, dense):
    planted = missed(explained(tmp_path, dense, with_weights(scattered)))
    found = reason(planted, "zeros multiplied")
    assert "ONNX Runtime's CPU provider has no sparse kernels" in found.text
    assert found.layers == ("fc0", "fc1")
    assert found.lost == pytest.approx(1, abs=0.02), "all of the saving"
    assert "only zeroed" not in kinds(planted)
    assert "zeros multiplied" not in kinds(missed(explained(tmp_path, dense, removed())))
    assert "zeros multiplied" not in kinds(missed(explained(tmp_path, dense, with_weights(hidden_zeroed))))


def test_only_zeroed(tmp_path, dense):
    planted = missed(explained(tmp_path, dense, with_weights(hidden_zeroed)))
    assert kinds(planted) >= {"only zeroed"}
    assert reason(planted, "only zeroed").lost == pytest.approx(1, abs=0.02)
    assert "xbench compact" in planted.next_steps[0], "what helps comes first"
    assert "only zeroed" not in kinds(missed(explained(tmp_path, dense, with_weights(scattered))))
    assert "only zeroed" not in kinds(missed(explained(tmp_path, dense, removed())))


def test_no_sparse_tactic(tmp_path, dense):
    """Never run on a device: a record by hand, as a run there would leave it."""
    sparse = {"profile": "tensorrt-fp16-sparse", "ceiling": None}
    planted = missed(explained(tmp_path, dense, with_weights(two_of_four), **sparse))
    found = reason(planted, "no sparse tactic")
    assert found.layers == ("fc0", "fc1")
    assert any("trt_sparsity_enable is set" in line for line in found.evidence)
    assert "zeros multiplied" not in kinds(planted), "this target skips them, when it wants to"
    picked = explained(tmp_path, dense, with_weights(two_of_four), speedup=2.0, **sparse)
    assert "no sparse tactic" not in kinds(picked)
    for control in (
        explained(tmp_path, dense, with_weights(scattered), **sparse),
        explained(tmp_path, dense, with_weights(two_of_four), profile="tensorrt-fp16", ceiling=None),
    ):
        assert "no sparse tactic" not in kinds(missed(control))
        assert "zeros multiplied" in kinds(control)


FOUR = ("fc0", "fc1", "fc2", "fc3")


def test_narrow_widths(tmp_path):
    """131 neurons take as long as 256 did. `fc2` and `fc3`, whose 128 fit, take half as long as before."""
    dense = Planted(chain([256] * 5), dict.fromkeys(FOUR, 1.0))
    odd = chain([256, 131, 256, 128, 256])
    planted = missed(explained(tmp_path, dense, Planted(odd, {"fc0": 1.0, "fc1": 1.0, "fc2": 0.5, "fc3": 0.5})))
    found = reason(planted, "narrow widths")
    assert set(found.layers) == {"fc0", "fc1"}
    assert any("131 outputs, better 128 or 144" in line for line in found.evidence)
    assert any("round widths to 16" in step for step in planted.next_steps)
    assert found.lost == pytest.approx((1.0 - 131 / 256) * 2 / 4 / 0.494, rel=0.05), "half of what it wasted"
    keeps = {"fc0": 0.53, "fc1": 0.53, "fc2": 0.5, "fc3": 0.5, "reorder:Reorder": 0.8}
    assert "narrow widths" not in kinds(missed(explained(tmp_path, dense, Planted(odd, keeps))))
    # As slow, and 128 is a multiple of 16: it is something else.
    even = Planted(chain([256, 128, 256, 128, 256]), {"fc0": 1.0, "fc1": 1.0, "fc2": 0.5, "fc3": 0.5})
    assert "narrow widths" not in kinds(missed(explained(tmp_path, dense, even)))


NARROW, ROWS = [16, 64, 16], 4096


def test_memory_bound(tmp_path):
    """Six operations a byte where ten are the limit: half of the work, and a third of the bytes less."""
    moved = [4 * (ROWS * (16 + hidden) + 16 * hidden) / (RATES.memory_gb_per_s * 1e6) for hidden in (64, 32)]
    dense, half = (
        Planted(chain([16, hidden, 16], rows=ROWS), {"fc0": took, "fc1": took})
        for hidden, took in zip((64, 32), moved, strict=True)
    )
    planted = missed(explained(tmp_path, dense, half))
    found = reason(planted, "memory-bound")
    assert set(found.layers) == {"fc0", "fc1"}
    assert found.lost == pytest.approx((moved[1] / moved[0] - 0.5) / 0.5, rel=0.05), "all that was not reached"
    # The same files and times on a machine with a hundredth of the compute: it is the work that takes the time.
    slow = RATES.model_copy(update={"peak_tops": 0.001})
    assert "memory-bound" not in kinds(missed(explained(tmp_path, dense, half, ceiling=slow)))
    # As short of its ideal, and 170 operations a byte.
    dense, half = (
        Planted(chain([512, 1024 // over, 512], rows=1024), {"fc0": took, "fc1": took})
        for over, took in ((1, moved[0]), (2, moved[1]))
    )
    assert "memory-bound" not in kinds(missed(explained(tmp_path, dense, half)))


@pytest.mark.parametrize(("took", "named"), [(0.004, True), (0.4, False)])
def test_launch_bound(tmp_path, took, named):
    """Eight products of 4 us each where launching one costs 3 us; and eight of 0.4 ms."""
    dense = Planted(chain([32] * 9), {f"fc{i}": took for i in range(8)})
    half = Planted(chain([32, 16] * 4 + [32]), {f"fc{i}": took for i in range(8)})
    found = missed(explained(tmp_path, dense, half))
    assert ("launch-bound" in kinds(found)) is named
    if named:
        assert reason(found, "launch-bound").time_share == pytest.approx(0.75)


def test_not_pruned(tmp_path):
    """Erf takes three fifths of the time, before and after."""
    dense = Planted(chain(WIDE, between=["Erf"]), EQUAL | {"erf": SHARE_OF_ERF})
    kept = Planted(chain([256, 256, 256], between=["Erf"]), {"fc0": 0.5, "fc1": 0.5, "erf": SHARE_OF_ERF})
    found = reason(missed(explained(tmp_path, dense, kept)), "not pruned")
    assert "60 % of the time of dense" in found.text
    assert "Erf" in found.text
    assert found.lost == pytest.approx(0.6, abs=0.02)
    # The same shortfall, and Erf is a hundredth of the time; and Erf got shorter with the rest.
    light = Planted(chain(WIDE, between=["Erf"]), EQUAL | {"erf": 0.02})
    slow = Planted(chain([256, 256, 256], between=["Erf"]), SHORT | {"erf": 0.02})
    assert "not pruned" not in kinds(missed(explained(tmp_path, light, slow)))
    shrunk = Planted(chain([256, 256, 256], between=["Erf"]), SHORT | {"erf": SHARE_OF_ERF / 2})
    assert "not pruned" not in kinds(missed(explained(tmp_path, dense, shrunk)))


STRUCTURED = {"method": "structured", "neurons": 0.5}


def test_still_dense(tmp_path, dense):
    """A recipe that removes neurons, and a file with all of them."""
    whole = chain(WIDE)
    planted = explained(tmp_path, dense, Planted(whole, EQUAL, prune=STRUCTURED))
    assert "the file's shapes are the dense ones" in reason(planted, "still dense").text
    zeroed = explained(tmp_path, dense, Planted(whole, EQUAL, prune=STRUCTURED | {"remove": False}))
    assert "remove: false" in reason(zeroed, "still dense").text
    assert "still dense" not in kinds(missed(explained(tmp_path, dense, removed(prune=STRUCTURED))))
    magnitude = Planted(with_weights(scattered).model, EQUAL, prune={"method": "magnitude", "sparsity": 0.5})
    assert "still dense" not in kinds(missed(explained(tmp_path, dense, magnitude)))


@pytest.mark.parametrize(("elsewhere", "named"), [(0.3, True), (0.01, False)])
def test_placement(tmp_path, dense, elsewhere, named):
    """So much makes a run invalid, unless the profile allows it (`min_time_share`): then it is a reason."""
    found = missed(explained(tmp_path, dense, removed(elsewhere=elsewhere), profile="cuda-fp32", ceiling=None))
    assert ("placement" in kinds(found)) is named
    if named:
        assert reason(found, "placement").time_share == pytest.approx(0.3)


def test_what_nothing_explains_is_told_as_a_share(tmp_path, dense):
    """1.25x of 2.0x, and no cause was planted; and the same model at its ideal."""
    planted = missed(explained(tmp_path, dense, removed()))
    assert reason(planted, "not known").lost == pytest.approx(0.6, abs=0.02)
    control = explained(tmp_path, dense, removed({"fc0": 0.5, "fc1": 0.5}))
    assert (control.outcome, control.reasons) == ("reached", ())
    zeros = explained(tmp_path, dense, with_weights(scattered))
    assert "not known" not in kinds(zeros), "zeros explain it all"


def test_a_copy_has_no_reason(tmp_path, dense):
    """A control of all: there is nothing to reach."""
    copy = explained(tmp_path, dense, Planted(chain(WIDE), EQUAL))
    assert (copy.outcome, copy.reasons) == ("nothing to reach", ())
    assert np.isclose(copy.ideal.macs_ratio or 0, 1)
