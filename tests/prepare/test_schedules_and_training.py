"""Schedules, floors, zeros that are held, and distillation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch")

from torch import nn  # noqa: E402

from xbench.errors import InputError, InvalidError  # noqa: E402
from xbench.prepare.dense import DenseModel  # noqa: E402
from xbench.prepare.holding import held, require_held, zeros_of  # noqa: E402
from xbench.prepare.producing import needs_calibration, produce  # noqa: E402
from xbench.prepare.scheduling import shares  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.pruning.layers import weight_layers  # noqa: E402
from xbench.records.recipe import Schedule  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(1, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.hidden, self.out = nn.Linear(8, 32), nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.stem(x))).mean((2, 3))
        return self.out(torch.relu(self.hidden(x)))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    generator = np.random.default_rng(0)
    x = [generator.standard_normal((8, 1, 6, 6)).astype(np.float32) for _ in range(4)]
    batches = tuple({"x": one, "token_type_ids": one} for one in x)
    dense = DenseModel(Net().eval(), {"x": torch.from_numpy(x[0])}, {"x": {0: "n"}}, "dynamo", None, "test", "0" * 64)
    return Workshop(
        dense=dense,
        samples=[{"x": x[0]}],
        artifacts=tmp_path,
        reference=reference_profile(),
        time_limit=60,
        base=tmp_path,
        trusted=True,
        calibration=lambda: Calibration(batches, "32 random images", "ab" * 32),
    )


def variant(**keys) -> VariantSpec:
    return VariantSpec.model_validate({"name": "v", **keys})


def magnitude(**keys):
    return {"method": "magnitude", "sparsity": 0.8, **keys}


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: layer.weight.detach() for name, layer in weight_layers(module).items()}


def hook(workshop: Workshop, body: str) -> str:
    """A user's function in the suite's folder; `step(module, optimiser)` is there for it."""
    (workshop.base / "mine.py").write_text(
        "import copy\nimport torch\n\n"
        "def step(module, optimiser):\n"
        "    for _ in range(3):\n"
        "        optimiser.zero_grad()\n"
        "        module(torch.ones(4, 1, 6, 6)).square().mean().add(1).backward()\n"
        "        optimiser.step()\n"
        "    return module\n\n"
        f"def train(module):\n    {body}\n"
    )
    return "mine:train"


def test_the_shares_are_those_of_the_paper() -> None:
    """Zhu and Gupta, equation 1: s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3, with s_i = 0."""
    final, n = 0.875, 8
    papers = [final + (0 - final) * (1 - t / n) ** 3 for t in range(1, n + 1)]
    found = [final * share for share in shares(Schedule(steps=n, curve="cubic"))]
    assert found == pytest.approx(papers)
    assert shares(Schedule(steps=4)) == (0.25, 0.5, 0.75, 1.0)
    assert shares(Schedule()) == (1.0,)


@pytest.mark.parametrize(
    "recipe", [magnitude(), magnitude(scope="global", sparsity=0.6), {"method": "random", "sparsity": 0.8}]
)
@pytest.mark.parametrize("curve", ["linear", "cubic"])
def test_steps_without_training_end_where_one_shot_does(workshop: Workshop, recipe, curve) -> None:
    steps, report = produce(variant(prune=recipe | {"schedule": {"steps": 3, "curve": curve}}), workshop)
    once, _ = produce(variant(prune=recipe), workshop)
    assert report is not None
    if recipe["method"] == "magnitude":
        assert all(torch.equal(a, b) for a, b in zip(weights(steps).values(), weights(once).values(), strict=True))
    zeros = [step.zeros for step in report.steps]
    assert zeros == sorted(zeros)
    assert zeros[-1] == report.zeros == sum(int((w == 0).sum()) for w in weights(once).values())
    assert [step.share for step in report.steps] == list(shares(Schedule(steps=3, curve=curve)))


def test_removal_in_steps_leaves_as_many_as_removal_at_once(workshop: Workshop) -> None:
    """30 % of 32 and of 8: rounding down in each of five steps would leave more."""
    keys = {"method": "structured", "neurons": 0.3, "channels": 0.3}
    once, _ = produce(variant(prune=keys), workshop)
    module, report = produce(variant(prune=keys | {"schedule": {"steps": 5}}), workshop)
    assert (module.hidden.out_features, module.stem.out_channels) == (32 - 9, 8 - 2)
    assert [w.shape for w in weights(module).values()] == [w.shape for w in weights(once).values()]
    elements = [step.elements for step in report.steps]
    assert elements == sorted(elements, reverse=True)
    assert elements[-1] == report.elements_after < report.elements_before == 72 + 8 * 32 + 32 * 4
    zeroed, _ = produce(variant(prune=keys | {"remove": False, "schedule": {"steps": 2}}), workshop)
    assert int((zeroed.hidden.weight == 0).all(1).sum()) == 9
    with pytest.raises(InputError, match="schedule of v prunes nothing"):
        produce(variant(prune=keys | {"neurons": 0.02, "channels": 0.02, "schedule": {"steps": 2}}), workshop)


def test_the_step_below_the_floor_is_undone(workshop: Workshop) -> None:
    def score(module: nn.Module) -> dict[str, float]:
        return {"kept": 1 - sum(float((w == 0).float().mean()) for w in weights(module).values()) / 3}

    spec = variant(prune=magnitude(schedule={"steps": 4, "floor": {"kept": 0.5}}))
    module, report = produce(spec, replace(workshop, score=score))
    assert [step.kept for step in report.steps] == [True, True, False]
    assert report.steps[-1].scores["kept"] < 0.5 <= score(module)["kept"]
    assert report.zeros == report.steps[1].zeros == sum(int((w == 0).sum()) for w in weights(module).values())
    assert report.asked == 0.8
    assert any("step 3 of 4 was undone and ended the schedule: kept 0." in note for note in report.notes)
    with pytest.raises(InvalidError, match=r"first step of pruning v already falls below.*\n.*below 0.9"):
        produce(
            variant(prune=magnitude(schedule={"steps": 4, "floor": {"kept": 0.9}})), replace(workshop, score=score)
        )
    with pytest.raises(InvalidError, match="nan is below"):
        produce(spec, replace(workshop, score=lambda _: {"kept": float("nan")}))
    with pytest.raises(InputError, match=r"floor on the metric 'kept'\n.*other"):
        produce(spec, replace(workshop, score=lambda _: {"other": 1.0}))
    with pytest.raises(InputError, match=r"has a floor\n.*no key evaluate"):
        produce(spec, workshop)


@pytest.mark.parametrize(
    "optimiser", ["SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1)", "AdamW(p, lr=0.01, weight_decay=0.1)"]
)
@pytest.mark.parametrize(
    "recipe",
    [
        magnitude(schedule={"steps": 2}),
        {"method": "n:m", "exclude": ["stem"]},
        {"method": "structured", "channels": 0.5, "neurons": 0.5, "remove": False},
    ],
)
def test_zeros_stay_zero_while_the_rest_learns(workshop: Workshop, optimiser, recipe) -> None:
    train = hook(workshop, f"p = module.parameters(); return step(module.train(), torch.optim.{optimiser})")
    plain, before = produce(variant(prune=recipe | {"schedule": {}}), workshop)
    module, report = produce(variant(prune=recipe, finetune=train), workshop)
    assert not module.training
    assert report.zeros >= before.zeros
    for name, now in weights(module).items():
        assert not torch.equal(now, weights(plain)[name]), "it learned"
    if recipe["method"] == "structured":
        empty = (plain.stem.weight == 0).flatten(1).all(1)
        assert empty.sum() == 4
        for tensor in (module.stem.bias, module.norm.weight, module.norm.bias, module.norm.running_mean):
            assert bool((tensor[empty] == 0).all())
        assert not bool((module.norm.weight[~empty] == 0).any())
    assert not module.out.weight._backward_hooks, "nothing is left behind"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("module.hidden.weight.data += 1; return module", r"hidden.weight \(205 of 205\)"),
        ("module.out.weight = torch.nn.Parameter(torch.rand(4, 32)); return module", r"out.weight \(102 of 102\)"),
        (
            "m = copy.deepcopy(module); return step(m, torch.optim.SGD(m.parameters(), lr=0.1))",
            r"stem.weight .*hidden.weight",
        ),
    ],
)
def test_a_hook_that_fills_zeros_is_caught(workshop: Workshop, body: str, told: str) -> None:
    with pytest.raises(InvalidError, match=f"mine:train filled zeros.*\n.*{told}"):
        produce(variant(prune=magnitude(), finetune=hook(workshop, body)), workshop)


def test_a_hook_that_changes_shapes_is_noted(workshop: Workshop) -> None:
    body = "module.out = torch.nn.Linear(32, 5); return module"
    _, report = produce(variant(prune=magnitude(), finetune=hook(workshop, body)), workshop)
    assert "mine:train gave other shapes to out: zeros there were not compared" in report.notes


def test_a_frozen_weight_that_the_hook_thaws_is_held_too(workshop: Workshop) -> None:
    module = Net().requires_grad_(False)
    module.hidden.weight.data[:16] = 0
    zeros = zeros_of(module, workshop.dense.module, ["hidden"])
    with held(module, zeros):
        assert not module.hidden.weight.requires_grad
        module.requires_grad_(True)
        module(torch.ones(4, 1, 6, 6)).square().sum().backward()
    assert bool((module.hidden.weight.grad[:16] == 0).all())
    assert bool((module.hidden.weight.grad[16:] != 0).any())
    assert require_held(module, zeros, "it") == ()


def test_zeros_that_pruning_did_not_make_may_learn(workshop: Workshop) -> None:
    """A scale that is born zero (as in a residual's last norm), and a layer outside of the recipe."""
    with torch.no_grad():
        workshop.dense.module.norm.weight.zero_()
        workshop.dense.module.out.weight.zero_()
    zeros = zeros_of(workshop.dense.module, workshop.dense.module, ["hidden"])
    assert zeros == {}


def test_the_dense_module_is_never_given_away(workshop: Workshop) -> None:
    before = {name: tensor.clone() for name, tensor in workshop.dense.module.state_dict().items()}
    train = hook(workshop, "return step(module, torch.optim.SGD(module.parameters(), lr=0.1))")
    module, report = produce(variant(finetune=train), workshop)
    assert report is None
    assert not torch.equal(module.out.weight, workshop.dense.module.out.weight)
    assert all(torch.equal(tensor, before[name]) for name, tensor in workshop.dense.module.state_dict().items())


def test_distillation_lowers_the_loss_keeps_zeros_and_is_the_same_each_time(workshop: Workshop) -> None:
    before = {name: tensor.clone() for name, tensor in workshop.dense.module.state_dict().items()}
    settings = {"method": "distill", "steps": 30, "learning_rate": 0.01, "seed": 1}
    spec = variant(prune=magnitude(), finetune=settings)
    state = torch.random.get_rng_state()
    module, report = produce(spec, workshop)
    assert torch.equal(state, torch.random.get_rng_state())
    again, _ = produce(spec, workshop)
    other, _ = produce(variant(prune=magnitude(), finetune=settings | {"seed": 2}), workshop)
    pruned, alone = produce(variant(prune=magnitude()), workshop)
    (note,) = [note for note in report.notes if "distilled for 30 steps on 4 batches" in note]
    first, last = (float(part.split()[-2]) for part in note.split(":")[1].split(","))
    assert last < first / 2
    x = torch.from_numpy(workshop.samples[0]["x"])
    wanted = workshop.dense.module(x)
    assert (module(x) - wanted).square().mean() < (pruned(x) - wanted).square().mean() / 2
    assert report.zeros == alone.zeros
    assert report.calibration == "32 random images (sha256 abababababab)"
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))
    assert not torch.equal(module.out.weight, other.out.weight)
    assert torch.equal(module.norm.running_mean, before["norm.running_mean"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in workshop.dense.module.state_dict().items())


def test_distillation_that_diverges_is_an_error(workshop: Workshop) -> None:
    spec = variant(prune=magnitude(), finetune={"method": "distill", "learning_rate": 1.0, "steps": 2})
    x = np.full((2, 1, 6, 6), 3e38, dtype=np.float32)
    with pytest.raises(InvalidError, match="does not converge"):
        produce(spec, replace(workshop, calibration=lambda: Calibration(({"x": x},), "", "0" * 64)))


@pytest.mark.parametrize(
    ("recipe", "needed"),
    [
        ({"method": "wanda", "sparsity": 0.5}, True),
        ({"method": "taylor", "sparsity": 0.5}, True),
        ({"method": "n:m", "importance": "wanda"}, True),
        ({"method": "structured", "neurons": 0.5, "importance": "taylor"}, True),
        ({"method": "structured", "layers": 0.5}, False),
        ({"method": "n:m"}, False),
        (magnitude(), False),
    ],
)
def test_who_looks_at_calibration_data(recipe, needed: bool) -> None:
    assert needs_calibration(variant(prune=recipe).prune) is needed


def test_the_users_loss_ranks_and_its_faults_are_told(workshop: Workshop) -> None:
    recipe = {"method": "taylor", "sparsity": 0.5, "loss": "mine:loss", "include": ["hidden"]}
    (workshop.base / "mine.py").write_text("def loss(outputs, inputs):\n    return outputs[:, 0].square().mean()\n")
    module, report = produce(variant(prune=recipe), workshop)
    assert report.calibration.startswith("32 random images")
    default, _ = produce(variant(prune={k: v for k, v in recipe.items() if k != "loss"}), workshop)
    assert not torch.equal(module.hidden.weight, default.hidden.weight)
    for body, told in (("return outputs", r"returned \[8, 4\]"), ("return outputs / nothing", "failed: NameError")):
        (workshop.base / "mine.py").write_text(f"def loss(outputs, inputs):\n    {body}\n")
        with pytest.raises(InputError, match=f"mine:loss.*({told})|it {told}"):
            produce(variant(prune=recipe), workshop)
    with pytest.raises(InputError, match="--trust"):
        produce(variant(prune=recipe), replace(workshop, trusted=False))
