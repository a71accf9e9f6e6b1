"""Blocks and N:M: which weights make a tile or a group, against references."""

from __future__ import annotations

import copy
import itertools
import warnings

import pytest
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.pruning.layout import by_output, like_weight
from xbench.records.recipe import BlockRecipe, NMRecipe


def block(rows, columns, **fields):
    return BlockRecipe(method="block", **{"block": (rows, columns), "sparsity": 0.5, **fields})


def net(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*(make() for make in layers))


def test_two_of_four_of_a_linear_are_torchs_weight_norm_sparsifiers():
    dense = net(lambda: nn.Linear(32, 24))
    theirs = copy.deepcopy(dense)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparsifier = WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2)
        sparsifier.prepare(theirs, [{"tensor_fqn": "0.weight"}])
        sparsifier.step()
        sparsifier.squash_mask()
    ours, report = prune(dense, NMRecipe(method="n:m"), Material({}))
    assert torch.equal(ours[0].weight, theirs[0].weight)
    assert (report.zeros, report.asked) == (384, 0.5)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (4, 8), (3, 5), (1, 16)])
def test_any_n_of_m_keeps_the_largest_n_of_each_group(n, m):
    dense = net(lambda: nn.Conv2d(2 * m, 4, 3))
    pruned, report = prune(dense, NMRecipe(method="n:m", n=n, m=m), Material({}))
    for output, group, y, x in itertools.product(range(4), range(2), range(3), range(3)):
        before, after = (one[0].weight[output, group * m : group * m + m, y, x].abs() for one in (dense, pruned))
        assert torch.equal(after.sort().values[-n:], before.sort().values[-n:])
        assert int((after != 0).sum()) == n
    assert report.asked == pytest.approx(1 - n / m)


@pytest.mark.parametrize("norm", [1, 2])
def test_the_blocks_of_smallest_norm_go(norm):
    dense = net(lambda: nn.Linear(12, 8))
    pruned, report = prune(dense, block(4, 3, norm=norm), Material({}))
    weight = dense[0].weight.detach().clone()
    tiles = [weight[r : r + 4, c : c + 3] for r in (0, 4) for c in (0, 3, 6, 9)]
    for tile in sorted(tiles, key=lambda tile: float(tile.norm(norm)))[:4]:
        tile.zero_()
    assert torch.equal(pruned[0].weight, weight)
    assert (report.zeros, report.asked) == (48, 0.5)


@pytest.mark.parametrize(
    ("layer", "tile"),
    [
        (nn.Conv2d(8, 8, 3), lambda w, r, c: w[r : r + 4, c : c + 2]),
        (nn.ConvTranspose2d(8, 8, 3), lambda w, r, c: w[c : c + 2, r : r + 4].transpose(0, 1)),
        (nn.Conv2d(8, 8, 3, groups=2), lambda w, r, c: w[r : r + 4, c : c + 2]),
    ],
    ids=["convolution", "transposed", "grouped"],
)
def test_a_block_of_a_convolution_is_at_one_kernel_position(layer, tile):
    pruned, _ = prune(nn.Sequential(layer), block(4, 2, sparsity=0.75), Material({}))
    inputs = 8 // layer.groups
    gone = [
        bool((tile(pruned[0].weight, r, c)[:, :, y, x] == 0).all())
        for r, c, y, x in itertools.product((0, 4), range(0, inputs, 2), range(3), range(3))
    ]
    assert sum(gone) == round(0.75 * len(gone))
    assert int((pruned[0].weight == 0).sum()) == 8 * sum(gone)


def test_each_row_of_the_common_layout_is_what_one_output_reads():
    layer = nn.ConvTranspose2d(4, 6, 3, groups=2)
    rows = by_output(layer.weight, layer)
    assert rows.shape == (6, 2, 9)
    for output in range(6):
        group, within = divmod(output, 3)
        assert torch.equal(rows[output], layer.weight[2 * group : 2 * group + 2, within].flatten(1))
    assert torch.equal(like_weight(rows, layer), layer.weight)
    assert torch.equal(like_weight(rows.flatten(1), layer), layer.weight)


def test_global_blocks_come_from_the_weakest_layer():
    dense = net(lambda: nn.Linear(8, 8), lambda: nn.Linear(8, 8))
    with torch.no_grad():
        dense[1].weight *= 100
    pruned, report = prune(dense, block(2, 2, scope="global", sparsity=0.25), Material({}))
    assert int((pruned[0].weight == 0).sum()) == report.zeros == 32


def test_blocks_are_nested():
    dense = net(lambda: nn.Linear(16, 16))
    some, _ = prune(dense, block(4, 4, sparsity=0.25), Material({}))
    more, _ = prune(some, block(4, 4, sparsity=0.5), Material({}))
    at_once, _ = prune(dense, block(4, 4, sparsity=0.5), Material({}))
    assert torch.equal(more[0].weight, at_once[0].weight)
    assert not more[0].weight[some[0].weight == 0].any()


@pytest.mark.parametrize(
    ("make", "recipe", "words"),
    [
        (lambda: nn.Linear(8, 6), block(4, 2), r"they do not fit 0 \(6 x 8\)"),
        (lambda: nn.Conv2d(6, 8, 1), block(4, 4), r"they do not fit 0 \(8 x 6\)"),
        (lambda: nn.Conv2d(8, 8, 1, groups=4), block(4, 2), r"they do not fit 0 \(2 x 2\)"),
        (lambda: nn.Linear(8, 8), block(4, 4, sparsity=0.1), "less than one block of 4"),
        (lambda: nn.Linear(8, 8), block(4, 4, sparsity=0.1, scope="global"), "less than one block of 4"),
        (lambda: nn.Linear(8, 8), block(4, 8, sparsity=0.9), "leaves nothing of 0"),
        (lambda: nn.Conv2d(8, 8, 1, groups=4), NMRecipe(method="n:m"), r"does not divide that of 0 \(2\)"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused_by_name(make, recipe, words):
    with pytest.raises(InputError, match=words):
        prune(net(make), recipe, Material({}))
