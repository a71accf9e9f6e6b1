"""One part's pruning undone: it alone is dense, and all else is as the recipe left it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="modules are PyTorch's")

from torch import nn  # noqa: E402

from xbench.errors import InputError  # noqa: E402
from xbench.pruning import Material, prune  # noqa: E402
from xbench.pruning.layers import weight_layers  # noqa: E402
from xbench.pruning.undoing import undoing, work_of  # noqa: E402
from xbench.records.recipe import MagnitudeRecipe, NMRecipe, RandomRecipe, StructuredRecipe  # noqa: E402


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.more = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.hidden = nn.Linear(6, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        found = torch.relu(self.norm(self.conv(x)))
        found = torch.relu(self.more(found)).mean((2, 3))
        return self.out(torch.relu(self.hidden(found)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 12), nn.Linear(12, 6)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(x)))


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(4))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Net().eval()


MATERIAL = Material({"x": torch.ones(2, 1, 8, 8)})


@pytest.mark.parametrize(
    "recipe",
    [
        MagnitudeRecipe(method="magnitude", sparsity=0.6, scope="global"),
        RandomRecipe(method="random", sparsity=0.5, seed=3),
        NMRecipe(method="n:m", n=1, m=2, exclude=("conv",)),
    ],
)
def test_of_weights_one_layer_is_dense_and_the_others_keep_their_zeros(net, recipe):
    pruned, report = prune(net, recipe, MATERIAL)
    way = undoing(net, recipe, MATERIAL)
    assert [part.name for part in way.parts] == list(report.layers)
    for part in way.parts:
        made = weight_layers(way.without((part.name,)))
        for name, layer in made.items():
            expected = net if name == part.name else pruned
            assert torch.equal(layer.weight, weight_layers(expected)[name].weight), (part.name, name)


@pytest.mark.parametrize("remove", [True, False])
@pytest.mark.parametrize("importance", ["l2", "random"])
def test_of_units_all_pruned_is_what_the_recipe_makes_and_all_undone_is_dense(net, remove, importance):
    recipe = StructuredRecipe(
        method="structured", channels=0.5, neurons=0.5, remove=remove, importance=importance, seed=5
    )
    way = undoing(net, recipe, MATERIAL)
    assert [(part.name, part.kind) for part in way.parts] == [
        ("hidden", "neurons"),
        ("conv", "channels"),
        ("more", "channels"),
    ]
    x = torch.randn(3, 1, 8, 8)
    pruned, report = prune(net, recipe, MATERIAL)
    torch.testing.assert_close(way.without(())(x), pruned(x))
    assert torch.equal(way.without([part.name for part in way.parts])(x), net(x))
    left = work_of(way.without(()), MATERIAL.example_inputs)
    assert left.weights == report.elements_after - (0 if remove else report.zeros)


def test_of_blocks_each_can_be_put_back_alone():
    torch.manual_seed(1)
    module, material = Stack().eval(), Material({"x": torch.ones(2, 6)})
    recipe = StructuredRecipe(method="structured", layers=0.5, importance="random", seed=2)
    way = undoing(module, recipe, material)
    assert len(way.parts) == 2
    first, second = way.parts
    x = torch.randn(5, 6)
    expected = x
    for number, block in enumerate(module.blocks):
        expected = expected if f"blocks.{number}" == second.name else block(expected)
    torch.testing.assert_close(way.without((first.name,))(x), expected)


def test_work_counts_weights_and_their_uses_by_hand():
    module = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.ConvTranspose2d(3, 2, 2, stride=2, bias=False)
    )
    with torch.no_grad():
        module[0].weight[0] = 0.0
    found = work_of(module, {"input": torch.ones(1, 2, 4, 4)})
    assert found.weights == 2 * 2 * 9 + 3 * 2 * 4
    assert found.macs == 2 * 2 * 9 * 16 + 3 * 2 * 4 * 16


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (NMRecipe(method="n:m", permute=True), "permute"),
        (StructuredRecipe(method="structured", layers=0.5, neurons=0.5), "numbered anew"),
    ],
)
def test_parts_that_do_not_stand_alone_are_refused(net, recipe, words):
    with pytest.raises(InputError, match=words):
        undoing(net, recipe, MATERIAL)
