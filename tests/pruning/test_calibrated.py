"""Wanda and Taylor: scores against the formulas, computed another way; and what they need."""

from __future__ import annotations

import functools

import pytest
import torch
from nets import ResidualCnn
from torch import nn
from torch.nn import functional as F  # noqa: N812

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.pruning.activation import input_norms
from xbench.pruning.layers import weight_layers
from xbench.pruning.sensitivity import taylor_scores
from xbench.records.recipe import BlockRecipe, MagnitudeRecipe, NMRecipe, TaylorRecipe, WandaRecipe


class Named(nn.Module):
    """A net whose one input is called x."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


class OffTheRoad(nn.Module):
    """One layer is used by its weight alone, one is cut off from gradients, one is never used."""

    def __init__(self):
        super().__init__()
        self.used, self.by_weight, self.cut_off, self.idle = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, x):
        return self.used(x) + F.linear(x, self.by_weight.weight) + self.cut_off(x).detach()


wanda = functools.partial(WandaRecipe, method="wanda", sparsity=0.5)
taylor = functools.partial(TaylorRecipe, method="taylor", sparsity=0.5)


def mlp(seed=0):
    torch.manual_seed(seed)
    return Named(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)))


def batches(*shape, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [{"x": torch.randn(shape, generator=generator)} for _ in range(count)]


def material(data, **fields):
    return Material(data[0], data, **fields)


def norms_of(layer, data):
    return input_norms(Named(layer), {"inner": layer}, data)["inner"]


def test_wanda_of_a_linear_is_the_papers_formula():
    net, data = mlp(), batches(5, 7, 6)
    pruned, report = prune(net, WandaRecipe(method="wanda", sparsity=0.5, include=("inner.0",)), material(data))
    weight, inputs = net.inner[0].weight.detach(), torch.cat([b["x"].reshape(-1, 6) for b in data])
    metric = weight.abs() * inputs.norm(p=2, dim=0)
    order = metric.sort(dim=1).indices[:, :3]
    assert torch.equal(pruned.inner[0].weight, weight.scatter(1, order, 0.0))
    assert (report.zeros, report.asked) == (24, 0.5)


def test_gpt2s_conv1d_is_pruned_as_the_linear_that_it_is():
    conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D(8, 6)
    linear, data = nn.Linear(6, 8), batches(5, 6)
    with torch.no_grad():
        conv1d.weight.copy_(linear.weight.T)
    for recipe in (wanda(), wanda(scope="layer"), taylor(), BlockRecipe(method="block", block=(4, 2), sparsity=0.5)):
        theirs, ours = (prune(Named(layer), recipe, material(data))[0].inner for layer in (linear, conv1d))
        assert torch.equal(ours.weight.T, theirs.weight)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_input_norms_of_a_convolution_are_those_of_the_unfolded_input(groups):
    shape = {"stride": 2, "padding": 1, "dilation": 2}
    layer = nn.Conv2d(4, 8, 3, groups=groups, **shape)
    data = batches(2, 4, 9, 7)
    columns = torch.cat([F.unfold(b["x"].double(), 3, **shape) for b in data])
    expected = columns.square().sum((0, 2)).sqrt().reshape(groups, 4 // groups, 3, 3)
    torch.testing.assert_close(norms_of(layer, data), expected.repeat_interleave(8 // groups, 0))


def test_input_norms_of_a_transposed_convolution_are_those_of_the_inputs_that_reach_an_output():
    layer, data = nn.ConvTranspose1d(4, 6, 3, stride=2, padding=2, groups=2), batches(2, 4, 5)
    width, squares = layer(data[0]["x"]).shape[-1], torch.cat([b["x"] for b in data]).double().square().sum(0)
    expected = torch.zeros(4, 3, 3, dtype=torch.float64)
    for place in range(5):
        for kernel in range(3):
            if 0 <= place * 2 - 2 + kernel < width:
                expected[:, :, kernel] += squares[:, place].unsqueeze(1)
    torch.testing.assert_close(norms_of(layer, data), expected.sqrt())


def test_what_pads_counts_and_so_do_all_calls_of_a_shared_weight():
    reflecting = nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect")
    assert norms_of(reflecting, [{"x": torch.tensor([[[1.0, 2.0, 3.0]]])}]).square().flatten().tolist() == [9, 14, 17]

    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    second.weight = first.weight
    net, data = Named(nn.Sequential(first, second)), [{"x": torch.tensor([[1.0, 2.0]])}]
    found = input_norms(net, weight_layers(net), data)
    between = first(data[0]["x"]).detach()
    expected = data[0]["x"].square() + between.square()
    torch.testing.assert_close(found["inner.0"].square()[:1], expected.double())


def test_taylors_scores_without_a_loss_are_the_diagonal_of_gauss_newton():
    net, data = mlp(), batches(4, 6, count=1)
    weights = {name: p.detach() for name, p in net.named_parameters()}
    jacobians = torch.func.jacrev(lambda p: torch.func.functional_call(net, p, (data[0]["x"],)))(weights)
    norm = net(data[0]["x"]).detach().square().sum()
    found = taylor_scores(net, weight_layers(net), material(data * 1000), seed=0)
    for name, score in found.items():
        weight = weights[f"{name}.weight"]
        exact = weight.square() * jacobians[f"{name}.weight"].square().sum((0, 1)) / norm
        # 1000 probes: each score has a relative deviation of at most sqrt(2 / 1000) = 4.5 %.
        torch.testing.assert_close(score / 1000, exact, rtol=0.25, atol=0)
        assert float(score.sum() / 1000 / exact.sum()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("scale", [1000, 1e-22])
def test_a_large_output_does_not_drown_a_small_one(scale):
    class TwoHeads(nn.Module):
        def __init__(self, scale):
            super().__init__()
            torch.manual_seed(0)
            self.small, self.large, self.scale = nn.Linear(4, 3), nn.Linear(4, 3), scale

        def forward(self, x):
            return {"small": self.small(x), "large": self.scale * self.large(x), "counts": torch.ones(2)}

    plain, scaled = (
        taylor_scores(net, weight_layers(net), material(batches(5, 4)), seed=1) for net in map(TwoHeads, (1, scale))
    )
    for name, score in plain.items():
        torch.testing.assert_close(scaled[name], score)


def test_taylors_scores_with_a_loss_are_squares_of_weight_times_gradient_by_batch():
    layer = nn.Linear(2, 1, bias=False).requires_grad_(False)
    net, data = Named(layer), batches(3, 2)
    found = taylor_scores(net, {"inner": layer}, material(data, loss=lambda y, _: y.square().sum()), seed=0)
    # d(sum y^2)/dw = 2 sum y x
    gradients = [2 * (layer(b["x"]) * b["x"]).sum(0, keepdim=True) for b in data]
    torch.testing.assert_close(found["inner"], sum((layer.weight * g).square() for g in gradients))
    assert not layer.weight.requires_grad


@pytest.mark.parametrize(
    ("recipe", "control"),
    [
        (WandaRecipe(method="wanda", sparsity=0.25), MagnitudeRecipe(method="magnitude", sparsity=0.25)),
        (TaylorRecipe(method="taylor", sparsity=0.25), MagnitudeRecipe(method="magnitude", sparsity=0.25)),
        (NMRecipe(method="n:m", n=3, m=4, importance="wanda"), NMRecipe(method="n:m", n=3, m=4)),
        (NMRecipe(method="n:m", n=3, m=4, importance="taylor"), NMRecipe(method="n:m", n=3, m=4)),
    ],
)
def test_weights_that_read_what_is_always_zero_go_first(recipe, control):
    torch.manual_seed(0)
    net, data = Named(nn.Linear(8, 4)), batches(16, 8)
    with torch.no_grad():
        net.inner.weight[:, [0, 5]] *= 10
    for batch in data:
        batch["x"][:, [0, 5]] = 0
    (ours, report), (theirs, _) = (prune(net, one, material(data)) for one in (recipe, control))
    assert (report.zeros, report.asked) == (8, 0.25)
    assert not ours.inner.weight[:, [0, 5]].any()
    assert torch.equal(net(**data[0]), ours(**data[0]))
    assert not torch.allclose(net(**data[0]), theirs(**data[0]), atol=0.01)


def test_the_same_seed_gives_the_same_scores_and_frozen_weights_stay_frozen(cnn, image):
    cnn.requires_grad_(False)
    recipe = TaylorRecipe(method="taylor", sparsity=0.5, scope="layer", seed=3)
    one, two = (prune(cnn, recipe, Material(image, [image]))[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not any(p.requires_grad for p in one.parameters())


def test_every_layer_of_a_net_gets_scores():
    torch.manual_seed(0)
    net, data = ResidualCnn().eval(), [{"image": torch.rand(2, 3, 8, 8)}]
    layers = weight_layers(net)
    for scores in (taylor_scores(net, layers, material(data), 0), input_norms(net, layers, data)):
        assert {n: s.shape for n, s in scores.items()} == {n: layer.weight.shape for n, layer in layers.items()}
        assert all(bool((s >= 0).all()) and bool((s > 0).any()) for s in scores.values())


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (wanda(), "activation norms"),
        (taylor(), "gradients"),
        (NMRecipe(method="n:m", importance="wanda"), "activation norms"),
        (NMRecipe(method="n:m", importance="taylor"), "gradients"),
    ],
)
def test_missing_calibration_data_are_told(recipe, words):
    with pytest.raises(InputError, match=rf"needs calibration data, for {words}\nthere are none\nadd calibration"):
        prune(OffTheRoad(), recipe, Material({"x": torch.rand(2, 4)}))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (wanda(), "No activation norms for by_weight, idle"),
        (wanda(include=("by_weight",)), "its weight may be used by a function"),
        (taylor(), "No gradient reaches cut_off, idle"),
        (taylor(include=("cut_off",)), "No gradient reaches cut_off"),
    ],
)
def test_layers_that_calibration_data_do_not_reach_are_named(recipe, words):
    with pytest.raises(InputError, match=words):
        prune(OffTheRoad(), recipe, material(batches(2, 4)))


def fails(_outputs, _inputs):
    raise KeyError("labels")


@pytest.mark.parametrize(
    ("recipe", "data", "loss", "words"),
    [
        (wanda(), batches(2, 5), None, r"does not run with calibration batch 0\nRuntimeError: "),
        (wanda(), [{"y": torch.rand(2, 4)}], None, "this one holds y"),
        (wanda(), [{"x": torch.full((2, 4), torch.nan)}], None, "inputs of used are not finite"),
        (taylor(), [{"x": torch.full((2, 4), torch.inf)}], None, "gradients of used are not finite"),
        (taylor(), batches(2, 4), lambda outputs, _: outputs, r"it gave \[2, 4\]"),
        (taylor(), batches(2, 4), lambda *_: 1.5, "it gave float"),
        (taylor(), batches(2, 4), lambda *_: torch.zeros(()), "depends on no weight"),
        (taylor(), batches(2, 4), fails, "loss of the recipe cannot be used\nKeyError: 'labels'"),
    ],
)
def test_calibration_data_and_losses_that_do_not_fit_are_refused(recipe, data, loss, words):
    recipe = recipe.model_copy(update={"include": ("used",)})
    with pytest.raises(InputError, match=words):
        prune(OffTheRoad(), recipe, material(data, loss=loss))


def test_a_forward_method_without_gradients_is_told():
    net = mlp()
    net.forward = torch.no_grad()(net.forward)
    with pytest.raises(InputError, match="depends on no weight by a path"):
        prune(net, taylor(), material(batches(2, 6)))
