"""A wrong removal cannot hide behind rounding, nor behind inputs for which it makes no difference."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import onnx
import pytest
from compact_kit import F, drawn, h, in_process, mlp, model, save, value

from xbench.compacting import verifying
from xbench.compacting.checking import require_same_signature
from xbench.compacting.trying import random_trials
from xbench.compacting.verifying import Trial, Verifying, verified
from xbench.errors import InvalidError
from xbench.onnxfile.inputs import plan_inputs

pytest.importorskip("onnxruntime", reason="the outputs are onnxruntime's")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(verifying, "loaded", in_process)


def trials(made, **shapes):
    return random_trials([plan_inputs(made, shapes or {"x": (2, 6)}, None, {})])


def held(tmp_path, one, other, given=None, precision="fp32"):
    files = save(one, tmp_path / "a.onnx"), save(other, tmp_path / "b.onnx")
    return verified(*files, trials(one) if given is None else given, precision, Verifying())


def changed(made, name, index, by):
    other = onnx.ModelProto()
    other.CopyFrom(made)
    for tensor in other.graph.initializer:
        if tensor.name == name:
            array = onnx.numpy_helper.to_array(tensor).copy()
            array[index] = by(array[index])
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, name))
    return other


def test_the_same_file(tmp_path):
    (one,), fed = held(tmp_path, mlp(), mlp())
    assert (one.output, one.max_abs, one.max_rel) == ("y", 0, 0)
    assert one.allowed_rel == verifying.ROUNDING["fp32"]
    assert len(fed) == 5
    assert any("16 times" in line for line in fed)


def test_one_weight_that_is_off_by_one_in_ten_thousand(tmp_path):
    with pytest.raises(InvalidError, match=r"(?s)does not compute what a\.onnx does.*output 'y' differs"):
        held(tmp_path, mlp(), changed(mlp(), "w2", (6, 0), lambda weight: weight * F(1.0003)))


def test_a_unit_that_only_large_inputs_wake(tmp_path):
    """Its bias is so low that a standard normal input never reaches it: random inputs alone would not tell."""
    asleep = changed(mlp(dead=0), "b1", 0, lambda _: F(-9))
    without = changed(asleep, "w2", 0, lambda row: 0 * row)
    usual = [trial for trial in trials(asleep) if not trial.strange]
    assert held(tmp_path, asleep, without, usual)[0][0].max_abs == 0
    with pytest.raises(InvalidError, match="16 times as large"):
        held(tmp_path, asleep, without)


def test_only_the_optimised_graph_differs(tmp_path, monkeypatch):
    @contextmanager
    def lying(path, label, profile, time_limit):
        with in_process(path, label, profile, time_limit) as model:
            if path.name == "b.onnx" and "optimisation" not in profile.options:
                infer = model.infer
                model.infer = lambda sets: [{k: v + 1 for k, v in one.items()} for one in infer(sets)]
            yield model

    monkeypatch.setattr(verifying, "loaded", lying)
    with pytest.raises(InvalidError, match="does not compute"):
        held(tmp_path, mlp(), mlp())


def test_the_noise_of_the_file_itself_allows_more_but_never_more_than_the_tolerance(tmp_path, monkeypatch):
    noise = {"by": 3e-6}

    @contextmanager
    def noisy(path, label, profile, time_limit):
        with in_process(path, label, profile, time_limit) as model:
            if path.name == "a.onnx" and profile.options.get("optimisation") == "none":
                infer = model.infer
                model.infer = lambda sets: [
                    {k: v + noise["by"] * abs(v).max() for k, v in one.items()} for one in infer(sets)
                ]
            yield model

    monkeypatch.setattr(verifying, "loaded", noisy)
    (one,), _ = held(tmp_path, mlp(), mlp())
    assert one.noise_rel == pytest.approx(3e-6, rel=0.2)
    assert one.allowed_rel == pytest.approx(verifying.NOISE * one.noise_rel)
    noise["by"] = 1e-2
    with pytest.raises(InvalidError, match=r"0\.0001 is allowed"):
        held(tmp_path, mlp(), mlp())


def log():
    return model([h.make_node("Log", ["x"], ["y"])], [value("x", ["batch", 6])], [value("y", ["batch", 6])], {})


def test_nan_in_the_file_itself_is_no_ground_to_stand_on(tmp_path):
    with pytest.raises(InvalidError, match=r"(?s)NaN or infinity.*random inputs of seed 0.*--inputs"):
        held(tmp_path, log(), log())


def test_strange_inputs_that_give_no_numbers_are_left_out(tmp_path):
    ones = np.ones((2, 6), F)
    _, fed = held(tmp_path, log(), log(), [Trial("ones", {"x": ones}), Trial("zeros", {"x": 0 * ones}, strange=True)])
    assert fed == ("ones",)


def test_nan_in_the_compacted_file(tmp_path):
    bad = changed(mlp(), "b2", 0, lambda _: F("nan"))
    with pytest.raises(InvalidError, match="NaN or infinity"):
        held(tmp_path, mlp(), bad)


def test_integers_must_be_equal(tmp_path):
    def best(flipped):
        nodes = [h.make_node("Mul", ["x", "s"], ["z"]), h.make_node("ArgMax", ["z"], ["y"], axis=1)]
        sign = {"s": F(-1 if flipped else 1)}
        return model(nodes, [value("x", ["batch", 6])], [value("y", ["batch", 1], onnx.TensorProto.INT64)], sign)

    assert held(tmp_path, best(False), best(False))[0][0].max_abs == 0
    with pytest.raises(InvalidError, match="such must be equal"):
        held(tmp_path, best(False), best(True))


@pytest.mark.parametrize("part", ["input", "output"])
def test_another_name_or_size_is_another_signature(tmp_path, part):
    one, other = mlp(), mlp()
    getattr(other.graph, part)[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    save(one, tmp_path / "a.onnx"), save(other, tmp_path / "b.onnx")
    require_same_signature(tmp_path / "a.onnx", tmp_path / "a.onnx")
    with pytest.raises(InvalidError, match=r"(?s)signature of a\.onnx would change.*batchx. became .*rowsx"):
        require_same_signature(tmp_path / "a.onnx", tmp_path / "b.onnx")


def test_masks_that_end_early_and_token_ids_are_fed():
    made = model(
        [
            h.make_node("Gather", ["table", "input_ids"], ["e"]),
            h.make_node("Cast", ["attention_mask"], ["m"], to=1),
            h.make_node("Unsqueeze", ["m", "last"], ["n"]),
            h.make_node("Mul", ["e", "n"], ["y"]),
        ],
        [value(name, ["b", "s"], onnx.TensorProto.INT64) for name in ("input_ids", "attention_mask")],
        [value("y", ["b", "s", 4])],
        {"table": drawn(10, 4), "last": np.array([-1])},
    )
    found = trials(made, input_ids=(2, 8), attention_mask=(2, 8))
    (ended,) = [trial for trial in found if "end early" in trial.told]
    assert ended.strange
    assert ended.feeds["attention_mask"].tolist() == [[1] * 6 + [0] * 2] * 2
    assert len({trial.feeds["input_ids"].tobytes() for trial in found}) == 4


def test_next_to_nothing_is_taken_by_the_usual_size(tmp_path):
    """Zeros give outputs of 1e-6 here: another order of summation changes them by more than 1e-5 of that."""
    tiny = changed(mlp(dead=0), "b1", slice(None), lambda bias: 0 * bias)
    tiny = changed(tiny, "b2", slice(None), lambda bias: 0 * bias + F(1e-6))
    other = changed(tiny, "b2", 0, lambda bias: bias + F(1e-9))
    assert held(tmp_path, tiny, other)[0][0].max_rel < 1e-7


def test_noise_at_strange_inputs_allows_nothing_at_others(tmp_path, monkeypatch):
    @contextmanager
    def noisy(path, label, profile, time_limit):
        with in_process(path, label, profile, time_limit) as model:
            if path.name == "a.onnx" and profile.options.get("optimisation") == "none":
                infer = model.infer
                model.infer = lambda sets: [
                    {k: v * (1 + 1e-2 * (abs(v).max() > 5)) for k, v in one.items()} for one in infer(sets)
                ]
            yield model

    monkeypatch.setattr(verifying, "loaded", noisy)
    with pytest.raises(InvalidError, match=r"random inputs of seed .* 1e-05 is allowed"):
        held(tmp_path, mlp(), changed(mlp(), "w2", (6, 0), lambda weight: weight * F(1.002)))
