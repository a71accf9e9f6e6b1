"""Outputs of all kinds against their reference: what has a tolerance, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.artifacts.parity import parity
from xbench.errors import InvalidError


def of(reference, found, precision="fp32"):
    return parity([{"y": np.asarray(reference)}], [{"y": np.asarray(found)}], precision, "the file")


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16])
def test_indices_are_equal_or_wrong_in_any_precision(dtype) -> None:
    reference = np.array([7, 1000], dtype)
    assert of(reference, reference.copy()).passed
    with pytest.raises(InvalidError, match="1 of 2 values differ"):
        of(reference, np.array([8, 1000], dtype), "int8")


def test_indices_beyond_what_a_double_can_count() -> None:
    with pytest.raises(InvalidError, match="must be equal"):
        of(np.array([2**53]), np.array([2**53 + 1]))


def test_truth_values_are_equal_or_wrong() -> None:
    assert of([True, False], [True, False]).passed
    with pytest.raises(InvalidError, match="1 of 2 values differ"):
        of([True, False], [True, True], "int8")


def test_quantised_numbers_have_the_tolerance_of_their_precision() -> None:
    reference = np.array([100, 50], np.uint8)
    assert of(reference, np.array([101, 50], np.uint8), "int8").passed
    assert not of(reference, np.array([101, 50], np.uint8), "fp32").passed


def test_both_parts_of_a_complex_number_count() -> None:
    assert of([1 + 2j], [1 + 2j]).passed
    assert not of([1 + 2j], [1 + 3j]).passed


@pytest.mark.parametrize("whose", ["reference", "found"])
def test_nan_on_either_side_is_invalid(whose) -> None:
    sides = {"reference": [1.0], "found": [1.0]} | {whose: [float("nan")]}
    with pytest.raises(InvalidError, match="NaN"):
        of(sides["reference"], sides["found"])


def test_a_growing_past_is_compared_set_by_set() -> None:
    random = np.random.default_rng(0)
    sets = [{"logits": random.random((1, 3)), "present.0.key": random.random((1, 2, n, 4))} for n in (0, 5, 11)]
    near = [{name: array + (n == 2) * 1e-3 for name, array in one.items()} for n, one in enumerate(sets)]
    found = {one.output: one for one in parity(sets, near, "fp32", "the file").outputs}
    assert set(found) == {"logits", "present.0.key"}
    assert found["present.0.key"].max_abs == pytest.approx(1e-3)
    assert 0.99 < found["present.0.key"].cosine < 1


def test_an_output_that_the_reference_has_not_is_told() -> None:
    with pytest.raises(InvalidError, match="outputs that its reference has not: z"):
        parity([{"y": np.ones(1)}], [{"y": np.ones(1), "z": np.ones(1)}], "fp32", "the file")
