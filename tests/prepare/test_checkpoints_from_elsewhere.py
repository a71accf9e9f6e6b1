"""Weights that others pruned: made by PyTorch, Torch-Pruning and transformers, and taken as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="checkpoints need torch")
tp = pytest.importorskip("torch_pruning")
transformers = pytest.importorskip("transformers")

from safetensors.torch import save_file, save_model  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

from xbench.errors import InputError, InvalidError  # noqa: E402
from xbench.prepare.dense import DenseModel  # noqa: E402
from xbench.prepare.producing import produce  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402


class Net(nn.Module):
    def __init__(self, fixed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.norm = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, groups=16)
        self.hidden, self.last = nn.Linear(16, 32), nn.LayerNorm(32)
        self.out = nn.Linear(32, 8)
        self.fixed = fixed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.depthwise(torch.relu(self.norm(self.stem(x))))
        x = self.last(self.hidden(x.mean((2, 3))))
        return self.out(x.view(-1, 32) if self.fixed else x)


IMAGES = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 3, 8, 8)).astype(np.float32))


def workshop_of(module: nn.Module, inputs: dict[str, torch.Tensor], folder: Path) -> Workshop:
    dense = DenseModel(module.eval(), inputs, {}, "dynamo", None, "test", "0" * 64)
    feeds = {name: tensor.numpy() for name, tensor in inputs.items()}
    return Workshop(
        dense=dense,
        samples=[feeds],
        artifacts=folder,
        reference=reference_profile(),
        time_limit=60,
        base=folder,
        trusted=True,
        calibration=lambda: Calibration((feeds,), "the example", "ab" * 32),
    )


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return workshop_of(Net(), {"x": IMAGES}, tmp_path)


def adopt(workshop: Workshop, state, name: str = "w.safetensors", **keys):
    """What the variant becomes whose checkpoint holds this state."""
    path = workshop.base / name
    if name.endswith(".safetensors"):
        save_file({key: tensor.contiguous().clone() for key, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return produce(VariantSpec.model_validate({"name": "v", "checkpoint": name, **keys}), workshop)


def two_of_four(weight: torch.Tensor) -> torch.Tensor:
    """By hand: of each four inputs the first and the last go."""
    kept = weight.clone()
    kept[:, 0::4], kept[:, 3::4] = 0, 0
    return kept


def test_half_of_the_inputs_is_not_called_a_pattern_of_groups(workshop: Workshop) -> None:
    state = Net().state_dict()
    state["hidden.weight"] = state["hidden.weight"].clone()
    state["hidden.weight"][:, 8:] = 0
    _, report = adopt(workshop, state)
    assert not [note for note in report.notes if "holds in" in note]
    assert "inputs of zeros alone: hidden (8 of 16)" in report.notes


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_zeros_are_found_with_their_pattern(workshop: Workshop, name: str) -> None:
    state = Net().state_dict()
    state["hidden.weight"] = two_of_four(state["hidden.weight"])
    state["out.weight"] = two_of_four(state["out.weight"].t()).t().contiguous()  # along the outputs: no hardware's
    state["stem.weight"] = state["stem.weight"].clone()
    state["stem.weight"][:3] = 0
    module, report = adopt(workshop, state, name)
    assert not module.training
    assert torch.equal(module.hidden.weight, state["hidden.weight"])
    assert torch.equal(workshop.dense.module.hidden.weight, Net().hidden.weight), "the dense module stays"
    assert (report.method, report.elements_before, report.elements_after) == ("checkpoint", 1344, 1344)
    assert report.zeros == 3 * 27 + 256 + 128
    assert report.layers == ("stem", "hidden", "out")
    told = "; ".join(report.notes)
    assert f"taken from {name} (sha256 " in told
    assert "465 of 1344 weights are zero (34.6%), in 3 of 4 layers" in told
    assert "2:4 holds in 1 of 4 layers: hidden" in told
    assert "outputs of zeros alone: stem (3 of 16), out (4 of 8)" in told


def test_masks_that_were_left_are_merged(workshop: Workshop) -> None:
    made = Net().eval()
    prune.l1_unstructured(made.hidden, "weight", amount=0.5)
    prune.l1_unstructured(made.stem, "bias", amount=0.25)
    module, report = adopt(workshop, made.state_dict())
    assert torch.equal(module(IMAGES), made(IMAGES))
    assert report.zeros == 256
    assert "merged the masks of torch.nn.utils.prune: hidden.weight, stem.bias" in report.notes
    state = made.state_dict()
    with pytest.raises(InputError, match=r"hidden.weight_mask .* cannot be merged"):
        adopt(workshop, state | {"hidden.weight_mask": torch.rand(32, 16)})
    without = {key: tensor for key, tensor in state.items() if key != "hidden.weight_mask"}
    with pytest.raises(InputError, match=r"1 missing: hidden.weight; 1 unknown: hidden.weight_orig"):
        adopt(workshop, without)


def test_weights_that_are_computed_are_refused_by_name(workshop: Workshop) -> None:
    made = Net()
    parametrizations.weight_norm(made.hidden)
    with pytest.raises(InputError, match=r"are computed: hidden\.parametrizations\.weight\.original0"):
        adopt(workshop, made.state_dict())


def test_removed_channels_and_neurons_are_found(workshop: Workshop) -> None:
    made = Net().eval()
    graph = tp.DependencyGraph().build_dependency(made, IMAGES)
    for layer, prunes, gone in (
        (made.stem, tp.prune_conv_out_channels, [0, 3, 5, 9]),
        (made.hidden, tp.prune_linear_out_channels, list(range(8))),
    ):
        graph.get_pruning_group(layer, prunes, idxs=gone).prune()
    module, report = adopt(workshop, made.state_dict())
    assert torch.equal(module(IMAGES), made(IMAGES))
    assert (module.depthwise.groups, module.norm.num_features, module.last.normalized_shape) == (12, 12, (24,))
    assert report.elements_after == sum(p.numel() for n, p in made.named_parameters() if p.dim() > 1)
    told = "smaller than in the dense model: stem 3x16 -> 3x12, depthwise 16x16 -> 12x12, hidden 16x32 -> 12x24 and 1"
    assert any(told in note for note in report.notes)
    with pytest.raises(InvalidError, match=r"does not run .*w.safetensors\nin 'out' \(Linear\): RuntimeError"):
        adopt(workshop_of(Net(fixed=True), {"x": IMAGES}, workshop.base), made.state_dict())


def test_a_width_that_does_not_fit_names_the_first_layer_that_fails(workshop: Workshop) -> None:
    state = Net().state_dict()
    state["hidden.weight"], state["hidden.bias"] = state["hidden.weight"][:30], state["hidden.bias"][:30]
    with pytest.raises(InvalidError, match=r"in 'last' \(LayerNorm\): RuntimeError"):
        adopt(workshop, state)
    state = Net().state_dict() | {"out.weight": torch.rand(7, 32), "out.bias": torch.rand(7)}
    with pytest.raises(InvalidError, match=r"its outputs are \[\[4, 7\]\], and the dense model's \[\[4, 8\]\]"):
        adopt(workshop, state)


@pytest.fixture
def bert(tmp_path: Path) -> Workshop:
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, vocab_size=50
    )
    torch.manual_seed(0)
    ids = torch.arange(12).reshape(2, 6)
    return workshop_of(transformers.BertModel(config), {"input_ids": ids}, tmp_path)


def bert_like(workshop: Workshop) -> nn.Module:
    made = transformers.BertModel(workshop.dense.module.config).eval()
    made.load_state_dict(workshop.dense.module.state_dict())
    return made


def test_removed_heads_are_found(bert: Workshop) -> None:
    made = bert_like(bert)
    made.prune_heads({0: [1], 2: [0, 3]})
    module, report = adopt(bert, made.state_dict())
    inputs = bert.dense.example_inputs
    assert torch.equal(module(**inputs).last_hidden_state, made(**inputs).last_hidden_state)
    told = [f"encoder.layer.{layer}.attention.self 4 -> {left}" for layer, left in ((0, 3), (2, 2))]
    assert f"fewer heads: {', '.join(told)}" in report.notes
    assert module.encoder.layer[2].attention.self.num_attention_heads == 2
    trained = {
        key: tensor + 1e-3 if tensor.is_floating_point() else tensor for key, tensor in made.state_dict().items()
    }
    _, report = adopt(bert, trained)
    assert any("taken to be as wide as before: encoder.layer.0.attention.self" in note for note in report.notes)


@pytest.mark.parametrize(
    ("kept", "told"),
    [(range(20), r"20 of 32 .*, and a head has 8"), (range(0, 32, 2), r"16 of 32 .*, and they are parts of heads")],
)
def test_parts_of_heads_are_refused(bert: Workshop, kept: range, told: str) -> None:
    """Half of each head, as Torch-Pruning leaves it unless told otherwise, has the shapes of half of the heads."""
    state = bert_like(bert).state_dict()
    for layer in range(3):
        for part in ("query", "key", "value"):
            for kind in ("weight", "bias"):
                key = f"encoder.layer.{layer}.attention.self.{part}.{kind}"
                state[key] = state[key][list(kept)]
        key = f"encoder.layer.{layer}.attention.output.dense.weight"
        state[key] = state[key][:, list(kept)]
    with pytest.raises(InputError, match=rf"layer.0.attention.self .* has no whole heads\n{told}"):
        adopt(bert, state)


@pytest.mark.parametrize("renumbered", [True, False])
def test_missing_blocks_are_found(bert: Workshop, renumbered: bool) -> None:
    made = bert_like(bert)
    state = made.state_dict()
    del made.encoder.layer[1]
    kept = {key: tensor for key, tensor in state.items() if not key.startswith("encoder.layer.1.")}
    module, report = adopt(bert, made.state_dict() if renumbered else kept)
    inputs = bert.dense.example_inputs
    assert torch.equal(module(**inputs).last_hidden_state, made(**inputs).last_hidden_state)
    assert f"without the blocks encoder.layer.{2 if renumbered else 1}" in report.notes
    assert report.elements_after < report.elements_before


def test_keys_that_do_not_fit_are_named_and_counted(workshop: Workshop) -> None:
    state = {f"module.{key}": tensor for key, tensor in Net().state_dict().items()}
    with pytest.raises(InputError, match=r"does not fit Net\n15 missing: .*\(15 in all\); 15 unknown: module"):
        adopt(workshop, state)
    state = Net().state_dict() | {"hidden.weight": torch.rand(40, 16)}
    with pytest.raises(InputError, match=r"hidden.weight .* is \[40, 16\], not \[32, 16\]\nit is not a smaller one"):
        adopt(workshop, state)


def test_a_module_of_which_the_shape_is_not_all_is_refused(tmp_path: Path) -> None:
    dense = nn.Sequential(nn.Conv2d(3, 16, 3), nn.GroupNorm(4, 16), nn.Conv2d(16, 4, 1))
    dense.forward = lambda x: nn.Sequential.forward(dense, x)  # type: ignore[method-assign]
    state = {key: t[:8] if key[0] in "01" else t for key, t in dense.state_dict().items()}
    state["2.weight"] = state["2.weight"][:, :8]
    with pytest.raises(InputError, match=r"other shapes of 1 \(GroupNorm\)"):
        adopt(workshop_of(dense, {"x": IMAGES}, tmp_path), state)


def test_numbers_that_are_stored_otherwise(workshop: Workshop) -> None:
    state = Net().state_dict()
    half = {key: t.half() if t.is_floating_point() else t for key, t in state.items()}
    module, report = adopt(workshop, half)
    assert module.out.weight.dtype == torch.float32
    assert "stored as float16, computed in the model's own precision" in report.notes
    assert "nothing is pruned in it: no weight is zero, and every shape is the dense model's" in report.notes
    with pytest.raises(InputError, match=r"other kinds of numbers.*out.weight\nint8 in place of float32"):
        adopt(workshop, state | {"out.weight": torch.ones(8, 32, dtype=torch.int8)})
    with pytest.raises(InvalidError, match=r"holds NaN or infinity: out\.bias"):
        adopt(workshop, state | {"out.bias": torch.full((8,), float("nan"))})


def test_tied_weights_may_be_kept_once(tmp_path: Path) -> None:
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48, vocab_size=50
    )
    dense = transformers.BertForMaskedLM(config).eval()
    save_model(dense, str(tmp_path / "tied.safetensors"))
    workshop = workshop_of(dense, {"input_ids": torch.arange(12).reshape(2, 6)}, tmp_path)
    module, _ = produce(VariantSpec(name="v", checkpoint="tied.safetensors"), workshop)
    decoder = module.cls.predictions.decoder.weight
    assert decoder is module.bert.embeddings.word_embeddings.weight
    assert torch.equal(decoder, dense.cls.predictions.decoder.weight)


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


def test_a_payload_is_never_executed(workshop: Workshop) -> None:
    target = workshop.base / "ran"
    with pytest.raises(InputError, match=r"w.pt is refused.*\n.*nothing was run"):
        adopt(workshop, Net().state_dict() | {"x": Payload(target)}, "w.pt")
    assert not target.exists()
    with pytest.raises(InputError, match="is not there"):
        produce(VariantSpec(name="v", checkpoint="absent.pt"), workshop)
    with pytest.raises(InputError, match="cannot be used"):
        produce(VariantSpec(name="v", checkpoint="a\0b"), workshop)


def test_a_checkpoint_may_be_trained_and_keeps_its_zeros(workshop: Workshop) -> None:
    state = Net().state_dict()
    state["hidden.weight"] = two_of_four(state["hidden.weight"])
    settings = {"method": "distill", "steps": 5, "learning_rate": 0.01}
    module, report = adopt(replace(workshop), state, finetune=settings)
    assert not torch.equal(module.hidden.weight, state["hidden.weight"])
    assert torch.equal(module.hidden.weight == 0, state["hidden.weight"] == 0)
    assert any("distilled for 5 steps" in note for note in report.notes)
    assert report.calibration.startswith("the example")
