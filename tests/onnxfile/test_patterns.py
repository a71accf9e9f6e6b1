"""How zeros lie, in arrays of which it is known, and against brute force."""

import numpy as np
import pytest

from xbench.onnxfile.patterns import (
    alignment,
    holds,
    named_n_m,
    pattern,
    pattern_of_all,
    recognised_block,
    recognised_n_m,
    widths,
    zeros_in_channels,
)

RNG = np.random.default_rng(0)


def n_m_rows(n, m, outputs=32, reduced=48):
    """Exactly n of each m stay, at random places."""
    order = RNG.random((outputs, 1, reduced // m, m)).argsort(axis=-1)
    return (order < n).reshape(outputs, 1, reduced)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (4, 8), (1, 2), (3, 8), (1, 16), (1, 3), (5, 6)])
def test_each_n_m_is_recognised_as_what_it_was_made_by(n, m):
    rows = n_m_rows(n, m)
    assert recognised_n_m(rows) == (n, m)
    assert holds(rows, n, m)
    assert not holds(rows, n - 1, m)
    other_axis = np.ascontiguousarray(np.swapaxes(rows, 0, 2))
    assert recognised_n_m(other_axis) is None


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.75, 0.9, 0.99])
def test_zeros_by_chance_are_no_pattern(sparsity):
    rows = RNG.random((64, 1, 96)) >= sparsity
    assert recognised_n_m(rows) is None
    assert recognised_block(rows) is None
    assert pattern(rows, int((~rows).sum()), 0, "", None, 0) == "unstructured"


def test_those_of_hardware_that_hold():
    assert named_n_m(n_m_rows(1, 4)) == ("1:2", "1:4", "2:4", "4:8")
    assert named_n_m(n_m_rows(2, 4)) == ("2:4", "4:8")
    assert holds(n_m_rows(2, 4)[..., :6], 2, 4) is None, "4 does not divide 6"


def test_two_of_four_beside_zeroed_channels_is_still_recognised():
    rows = n_m_rows(2, 4)
    rows[:8] = False
    rows[..., :16] = False
    assert recognised_n_m(rows) == (2, 4)
    in_channels = zeros_in_channels(rows)
    assert in_channels == 32 * 48 - 24 * 32
    assert pattern(rows, int((~rows).sum()), in_channels, "2:4", None, 0) == "mixed"


@pytest.mark.parametrize("block", [(4, 1), (1, 4), (4, 4), (8, 8), (16, 16), (32, 32), (8, 1)])
def test_the_largest_block_is_found(block):
    r, c = block
    tiles = np.zeros((256 // r, 3, 256 // c), bool)
    tiles.reshape(-1)[::2] = True
    tiles = RNG.permuted(tiles.reshape(-1)).reshape(tiles.shape)
    assert recognised_block(tiles.repeat(r, 0).repeat(c, 2)) == block


def test_channels_on_both_sides_as_counted_one_by_one():
    rows = RNG.random((12, 9, 5)) > 0.2
    rows[3] = rows[7] = False
    rows[:6, :, 2] = False  # an input of the first of two groups
    found = widths(rows, groups=2)
    assert found == (12, 10, 2, 1)
    dead = np.zeros_like(rows)
    dead[3] = dead[7] = True
    dead[:6, :, 2] = True
    assert zeros_in_channels(rows, groups=2) == dead.sum()


def test_names_of_patterns():
    rows = np.ones((10, 1, 10), bool)
    assert pattern(rows, 0, 0, "", None, 0) == "dense"
    assert pattern(rows, 4, 0, "", None, 0) == "dense", "4 of 100 may be rounding"
    assert pattern(rows, 40, 40, "", None, 0) == "channels"
    assert pattern(rows, 40, 40, "", None, 2) == "heads"
    assert pattern(rows, 40, 20, "", None, 0) == "mixed"
    assert pattern_of_all([("dense", 3), ("n:m", 50), ("n:m", 50)]) == "n:m"
    assert pattern_of_all([("unstructured", 50), ("n:m", 50)]) == "mixed"
    assert pattern_of_all([("dense", 0)]) == pattern_of_all([]) == "dense"


@pytest.mark.parametrize(("width", "aligned"), [(64, 64), (384, 64), (48, 16), (30, 2), (7, 1), (0, 0)])
def test_alignment(width, aligned):
    assert alignment(width) == aligned
