"""Two runs side by side: what differs, what may be compared, and what may not."""

from __future__ import annotations

import numpy as np
import pytest
from index_kit import MACHINE, hand_record, put
from records_by_hand import comparison, device, group, quality, variant

from xbench.records.comparison import GateVerdict
from xbench.records.fingerprint import Fingerprint
from xbench.records.policy import Policy
from xbench.records.quality import ExampleScores
from xbench.results.diffing import diff_runs
from xbench.store.folder import RunFolder


def verdict(outcome, gate="min_speedup"):
    return GateVerdict(
        variant="pruned", hardware="cpu", workload="w", gate=gate, bound=1.5, outcome=outcome, reason="because"
    )


def test_a_run_against_itself_differs_in_nothing():
    found = diff_runs(hand_record(), hand_record())
    assert (found.suite, found.policy, found.fingerprint, found.others, found.not_comparable) == ((), (), (), (), "")
    assert {one.files for one in found.files} == {"same"}
    (speed,) = found.speeds
    assert (speed.change.point, speed.differ) == (1.0, False)
    assert found.only_first == found.only_second == ()


def test_the_ratio_of_two_speedups_has_both_their_widths():
    (speed,) = diff_runs(hand_record(speedup=2.0), hand_record(1, speedup=3.0)).speeds
    assert speed.change.point == pytest.approx(1.5)
    assert speed.change.high / speed.change.point == pytest.approx(np.exp(np.sqrt(2) * 0.02), rel=1e-3)
    assert speed.differ
    assert "quadrature" in speed.change.method


def test_what_the_noise_of_both_runs_can_be_is_no_difference():
    found = [hand_record(number, groups=(group([comparison(speedup=s, noise_floor=0.02)]),))
             for number, s in enumerate([(2.0, 1.995, 2.005), (2.06, 2.055, 2.065)])]  # fmt: skip
    (speed,) = diff_runs(*found).speeds
    assert speed.change.low > 1.02
    assert not speed.differ, "1.027 is within 1.02 x 1.02"
    calm = [one.model_copy(update={"groups": (group([comparison(speedup=s, noise_floor=0.006)]),)})
            for one, s in zip(found, [(2.0, 1.995, 2.005), (2.06, 2.055, 2.065)], strict=True)]  # fmt: skip
    assert diff_runs(*calm).speeds[0].differ
    unknown = found[1].model_copy(update={"groups": (group([comparison(noise_floor=None)]),)})
    assert diff_runs(found[0], unknown).speeds[0].differ is None


def test_another_machine_is_not_compared_and_the_first_difference_is_named():
    other = Fingerprint(**{**MACHINE.model_dump(), "kernel": "7", "libraries": {"numpy": "3"}})
    found = diff_runs(hand_record(), hand_record(1, fingerprint=other))
    (speed,) = found.speeds
    assert (speed.change, speed.differ) == (None, None)
    assert None not in (speed.first, speed.second), "they stand side by side"
    assert found.not_comparable == "the fingerprints differ: kernel: - and 7"
    assert [one.what for one in found.fingerprint] == ["kernel", "libraries.numpy"]


@pytest.mark.parametrize("other", [{"batch": 8}, {"inputs_sha256": "9" * 64}, {"schedule": "reloaded"}])
def test_other_terms_are_not_compared(other):
    changed = hand_record(1, groups=(group([comparison()], **other),))
    (speed,) = diff_runs(hand_record(), changed).speeds
    assert (speed.change, speed.note) == (None, f"measured under other terms: {next(iter(other))}")


def test_an_invalid_comparison_is_not_compared_and_says_why():
    changed = hand_record(1, verdict="invalid")
    (speed,) = diff_runs(hand_record(), changed).speeds
    assert speed.change is None
    assert speed.note.startswith("the second run has none: interval")


def test_suites_policies_and_files_by_name():
    one = hand_record(suite={"name": "a", "variants": [{"name": "x", "prune": {"amount": 0.5}}]})
    other = hand_record(1, suite={"name": "a", "variants": [{"name": "y"}, {"name": "x", "prune": {"amount": 0.9}}]})
    changed = variant("pruned").model_copy(
        update={"artifact": variant("pruned").artifact.model_copy(update={"sha256": "f" * 64})}
    )
    other = other.model_copy(update={"policy": Policy(name="strict"), "variants": (other.variants[0], changed)})
    found = diff_runs(one, other)
    assert [(c.what, c.first, c.second) for c in found.suite] == [
        ("variants.x.prune.amount", "0.5", "0.9"),
        ("variants.y.name", "-", "y"),
    ]
    assert [c.what for c in found.policy] == ["name"]
    assert [one.files for one in found.files] == ["same", "other"]


def test_devices_and_variants_that_only_one_has():
    more = hand_record(1, names=("pruned", "new"), devices=(device(), device("gpu", available=False)))
    found = diff_runs(hand_record(), more)
    assert found.only_second == ("new on cpu, w",)
    assert found.only_first == ()
    assert [(c.what, c.first, c.second) for c in found.others] == [("hardware.gpu", "-", "unavailable")]
    assert [one.files for one in found.files] == ["same", "same", "only in the second"]


def test_gates_outcome_by_outcome():
    one = hand_record(verdicts=(verdict("pass"), verdict("fail", "max_drop.accuracy")))
    other = hand_record(1, verdicts=(verdict("inconclusive"), verdict("fail", "max_error_rate")))
    found = {v.gate: (v.first, v.second) for v in diff_runs(one, other).verdicts}
    assert found == {
        "min_speedup": ("pass", "inconclusive"),
        "max_drop.accuracy": ("fail", "-"),
        "max_error_rate": ("-", "fail"),
    }


def scored(run, results, right):
    """The run in its folder, with these answers of `pruned`."""
    folder = RunFolder(results / run.id)
    folder.path.mkdir(parents=True)
    flags = np.asarray(right, dtype=bool)
    answers = np.where(flags, 1, 0)
    folder.save_scores(
        1,
        0,
        ExampleScores(
            variant="pruned",
            hardware="cpu",
            dataset_sha256="d",
            metrics={"accuracy": flags.astype(float)},
            answers=answers.astype(np.int64),
            right=flags,
        ),
    )
    return put(results, run)


def test_quality_is_paired_by_example(tmp_path):
    runs = hand_record(), hand_record(1)
    before = np.ones(100)
    after = np.r_[np.zeros(10), np.ones(90)]
    before[50:53] = 0
    folders = scored(runs[0], tmp_path, before), scored(runs[1], tmp_path, after)
    dense, pruned = diff_runs(*runs, folders).qualities
    assert dense.note.endswith("not kept: not paired")
    assert (pruned.flips.right_to_wrong, pruned.flips.wrong_to_right) == (10, 3)
    assert pruned.drop.point == pytest.approx(0.07)
    assert pruned.drop.confidence == 0.9
    other = runs[1].model_copy(update={"quality": (quality().model_copy(update={"dataset_sha256": "e"}),)})
    (unpaired,) = diff_runs(runs[0], other, folders).qualities
    assert (unpaired.drop, unpaired.flips, unpaired.note) == (None, None, "other data: not paired")


def test_a_run_that_goes_on_is_compared_as_far_as_it_came():
    begun = hand_record(1, status="running", groups=(), quality=(), variants=(variant("dense", baseline=True),))
    found = diff_runs(hand_record(), begun)
    assert found.only_first == ("pruned on cpu, w",)
    assert found.speeds == found.qualities == ()
    assert ("status", "complete", "running") in [(c.what, c.first, c.second) for c in found.others]
