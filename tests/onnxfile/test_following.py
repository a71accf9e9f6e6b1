"""Weights that are followed from one form into the next, and losses that must be named."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto as T
from onnx import helper as h

from xbench.errors import InvalidError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.following import Traced, follow
from xbench.onnxfile.nchwc import unblocked
from xbench.onnxfile.tracing import require_zeros_kept, traced

from . import models

RNG = np.random.default_rng(1)


def pruned(*shape, sparsity=0.5):
    weight = RNG.standard_normal(shape).astype(np.float32)
    weight[RNG.random(shape) < sparsity] = 0
    return weight


def one(weight, *names):
    rows = weight.reshape(len(weight), 1, -1)
    return Traced(names[0] if names else "it", names, rows != 0, rows)


def followed(before, after):
    return follow(before, after, "Zeros were lost", "do something")


def test_weights_are_known_by_their_values_and_not_by_their_order_or_names():
    weights = [pruned(8, 16) for _ in range(6)]
    before = [one(weight, f"layer.{index}") for index, weight in enumerate(weights)]
    after = [one(weights[index], "onnx::MatMul_1") for index in (3, 1, 5, 0, 2, 4, 3)]
    found = followed(before, after)
    assert found.found == (3, 1, 5, 0, 2, 4, 3)
    assert not found.missing


def test_equal_weights_are_told_by_name():
    weight = pruned(8, 8)
    before = [one(weight, "encoder.0.query"), one(weight, "encoder.1.query")]
    after = [one(weight, "/encoder/1/query/MatMul"), one(weight, "/encoder/0/query/MatMul")]
    assert followed(before, after).found == (1, 0)


def test_a_scaled_weight_is_known_by_its_zeros():
    weight = pruned(8, 8)
    assert followed([one(pruned(8, 8)), one(weight)], [one(weight * 3)]).found == (1,)


def test_a_loss_names_both_sides_and_the_counts():
    weight = pruned(16, 8)
    dense = weight.copy()
    where = np.argwhere(dense == 0)[:5]
    dense[tuple(where.T)] = 1e-8
    before = [one(pruned(16, 8), "first"), one(weight, "second.dense")]
    zeros = int((weight == 0).sum())
    expected = rf"second.dense has {zeros} zeros of 128, and {zeros - 5} of them are left in /second/dense/MatMul"
    with pytest.raises(InvalidError, match=expected):
        followed(before, [one(before[0].values[:, 0], "first"), one(dense, "/second/dense/MatMul")])


def test_zeros_that_moved_are_lost_though_there_are_as_many():
    weight = pruned(16, 8)
    with pytest.raises(InvalidError, match="of them are left"):
        followed([one(weight, "fc")], [one(np.roll(weight, 1, axis=1), "fc")])


def test_a_transposed_weight_of_the_same_size_loses_its_n_m():
    weight = RNG.standard_normal((64, 32)).astype(np.float32)
    groups = weight.reshape(-1, 4)
    groups[RNG.random(groups.shape).argsort(axis=1) < 2] = 0
    with pytest.raises(InvalidError, match="2:4 does not hold there any more"):
        followed([one(weight, "fc")], [one(np.ascontiguousarray(weight.T), "fc")])


def test_more_zeros_than_before_are_told_and_no_loss():
    weight = pruned(16, 8)
    fewer = weight.copy()
    fewer[0] = 0
    (line,) = followed([one(weight, "fc")], [one(fewer, "fc_q")]).gained
    assert line.startswith(f"fc had {(weight == 0).sum()} zeros of 128, fc_q has {(fewer == 0).sum()}")


def test_weights_joined_to_one_are_all_found():
    parts = [pruned(8, 16) for _ in range(3)]
    found = followed([one(part, name) for part, name in zip(parts, "qkv", strict=True)], [one(np.vstack(parts), "j")])
    assert not found.missing


def test_a_weight_that_is_gone_is_missing_and_a_stranger_is_nobodys():
    found = followed([one(pruned(8, 16), "pooler")], [one(pruned(4, 4), "own")])
    assert (found.found, found.missing) == ((None,), (0,))


@pytest.mark.parametrize("shape", [(16, 3, 3, 3), (32, 16, 1, 1), (48, 32, 3, 3)])
def test_blocks_are_unblocked(shape):
    """Reordered here as MLAS's two loops do it, output by output."""
    weight = RNG.standard_normal(shape).astype(np.float32)
    outputs, inputs, height, width = shape
    for block in (8, 16):
        few = np.zeros((outputs // block, inputs, height, width, block), np.float32)
        for o in range(outputs):
            few[o // block, ..., o % block] = weight[o]
        assert any(np.array_equal(found, weight) for found in unblocked(few.reshape(shape)))
        if inputs % block:
            continue
        both = np.zeros((outputs // block, inputs // block, height, width, block, block), np.float32)
        for o in range(outputs):
            for i in range(inputs):
                both[o // block, i // block, :, :, i % block, o % block] = weight[o, i]
        assert any(np.array_equal(found, weight) for found in unblocked(both.reshape(shape)))


def quantised(weight, zero_point, moved=0):
    """The file of a quantiser, whose zeros lie `moved` steps beside its zero point."""
    scale = np.abs(weight).max() / 100
    stored = np.clip(np.rint(weight / scale) + zero_point + moved * (weight == 0), 0, 255).astype(np.uint8)
    nodes = [h.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]), h.make_node("MatMul", ["x", "w"], ["y"])]
    constants = [
        models.constant("q", stored),
        models.constant("s", np.float32(scale)),
        models.constant("z", np.uint8(zero_point)),
    ]
    return models.model(nodes, [models.value("x", T.FLOAT, ["n", 16])], [models.value("y", T.FLOAT, None)], constants)


def test_asymmetric_weights_keep_their_zeros_at_the_zero_point_and_nowhere_else(tmp_path):
    weight = pruned(16, 8)
    dense = models.saved(tmp_path, models.linear(weight=weight))
    good = models.saved(tmp_path, quantised(weight, 113), "good.onnx")
    require_zeros_kept(dense, good, "half", "the conversion to int8")
    assert not (onnx.numpy_helper.to_array(onnx.load(good).graph.initializer[0]) == 0).any(), "no zero is stored"
    bad = models.saved(tmp_path, quantised(weight, 113, moved=1), "bad.onnx")
    with pytest.raises(InvalidError, match=r"Zeros of half were lost in the conversion to int8\nfc \(MatMul\) has"):
        require_zeros_kept(dense, bad, "half", "the conversion to int8")


def test_what_a_cast_makes_zero_is_told(tmp_path):
    weight = pruned(16, 8)
    weight[0] = 1e-9
    dense = models.saved(tmp_path, models.linear(weight=weight))
    half = models.linear(weight=weight.astype(np.float16))
    (note,) = require_zeros_kept(dense, models.saved(tmp_path, half, "h.onnx"), "half", "the cast to float16")
    assert note.startswith("a weight has more zeros than before the cast to float16, as rounding makes them: fc")


def test_weights_of_a_file_are_traced_in_the_order_of_its_audit():
    made = models.branches(pruned(4, 2), pruned(4, 3))
    assert [weight.names[1] for weight in traced(made)] == [layer.node for layer in audit(made).layers]
