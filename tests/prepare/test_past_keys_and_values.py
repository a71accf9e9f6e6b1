"""Decoders with past keys and values: from a folder to a file that goes on from a past, or has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
pytest.importorskip("optimum.exporters.onnx", reason="decoders are exported by Optimum")

from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM  # noqa: E402

from xbench.errors import InputError  # noqa: E402
from xbench.onnxfile.inputs import make_inputs, plan_inputs  # noqa: E402
from xbench.onnxfile.opening import open_model  # noqa: E402
from xbench.prepare.dense import load_dense  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

GPT2 = GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_positions=64)
LLAMA = LlamaConfig(
    vocab_size=99,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)
HALF = {"name": "half", "prune": {"method": "magnitude", "sparsity": 0.5}}


def suite(folder: Path, more: str = "") -> Path:
    path = folder / "suite.yaml"
    path.write_text(
        f"schema: xbench.suite/1\nname: s\nmodel: {{transformers: net{more}}}\nvariants: [{{name: d, baseline: true}}]\n"
    )
    return path


def saved(folder: Path, kind: type, config: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = kind(config).eval()
    model.save_pretrained(folder / "net")
    return model


def workshop(folder: Path, more: str = "") -> Workshop:
    loaded = load_suite(suite(folder, more))
    dense = load_dense(loaded, trusted=False, samples=[])
    (folder / "artifacts").mkdir()
    return Workshop(
        dense=dense,
        samples=dense.example_feeds(),
        artifacts=folder / "artifacts",
        reference=reference_profile(),
        time_limit=120,
        base=folder,
        trusted=False,
        calibration=lambda: Calibration((), "none", ""),
    )


@pytest.mark.parametrize(("kind", "config", "heads"), [(GPT2LMHeadModel, GPT2, 4), (LlamaForCausalLM, LLAMA, 2)])
def test_one_file_goes_on_from_a_past_as_the_whole_text_does(tmp_path, kind, config, heads) -> None:
    model = saved(tmp_path, kind, config)
    here = workshop(tmp_path)
    artifact, _ = make_variant(VariantSpec.model_validate(HALF), here)
    assert {one.output for one in artifact.parity.outputs} == {
        "logits",
        *(f"present.{layer}.{name}" for layer in (0, 1) for name in ("key", "value")),
    }
    shapes = {one.name: one.shape for one in artifact.signature.inputs}
    assert shapes["past_key_values.1.value"] == ("batch", heads, "past_sequence", 8)
    assert shapes["attention_mask"] == ("batch", "past_sequence + sequence")
    first, second = here.samples
    assert first["past_key_values.0.key"].shape == (2, heads, 6, 8)
    assert second["past_key_values.0.key"].shape == (1, heads, 0, 8)

    # The dense file against Transformers itself, which never saw xbench's names: eight tokens at once, or 3 and 5.
    dense, _ = make_variant(VariantSpec(name="dense"), here)
    session = onnxruntime.InferenceSession(dense.path, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(1).integers(0, 99, (2, 8))
    past = {name: np.zeros((2, heads, 0, 8), np.float32) for name in shapes if name.startswith("past")}
    for begin, end in ((0, 3), (3, 8)):
        feeds = {
            "input_ids": ids[:, begin:end],
            "attention_mask": np.ones((2, end), np.int64),
            "position_ids": np.tile(np.arange(begin, end), (2, 1)),
        }
        out = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds | past), strict=True))
        past = {name: out[name.replace("past_key_values", "present")] for name in past}
    with torch.no_grad():
        whole = model(torch.from_numpy(ids)).logits.numpy()
    np.testing.assert_allclose(out["logits"], whole[:, 3:], atol=1e-4)

    plan = plan_inputs(open_model(Path(dense.path)), {}, 1, {"past_sequence": 5, "sequence": 7})
    made = session.run(["logits", "present.0.key"], make_inputs(plan, 0))
    assert [array.shape for array in made] == [(1, 7, 99), (1, heads, 12, 8)]


def test_a_decoder_without_its_past(tmp_path) -> None:
    saved(tmp_path, GPT2LMHeadModel, GPT2)
    found = {}
    for name in ("optimum", "dynamo"):
        home = tmp_path / name
        home.mkdir()
        (home / "net").symlink_to(tmp_path / "net")
        artifact, _ = make_variant(
            VariantSpec(name="dense"), workshop(home, f", task: text-generation, exporter: {name}")
        )
        assert artifact.parity.passed
        assert [one.shape for one in artifact.signature.outputs] == [("batch", "sequence", 99)]
        found[name] = artifact.audit.elements
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_the_past_needs_optimum(tmp_path, exporter) -> None:
    saved(tmp_path, GPT2LMHeadModel, GPT2)
    with pytest.raises(InputError, match=r"text-generation-with-past is what the model was saved for\n.*optimum"):
        load_dense(load_suite(suite(tmp_path, f", exporter: {exporter}")), trusted=False, samples=[])


def test_an_evaluation_cannot_feed_a_past(tmp_path) -> None:
    saved(tmp_path, GPT2LMHeadModel, GPT2)
    samples = [{"input_ids": np.ones((2, 4), np.int64)}]
    with pytest.raises(InputError, match="cannot be scored by this evaluation"):
        load_dense(load_suite(suite(tmp_path)), trusted=False, samples=samples)
