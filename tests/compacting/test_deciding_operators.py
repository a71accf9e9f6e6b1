"""Each operator between two layers, the first of which has zeroed units: they go where they may, and outputs stay."""

import numpy as np
import pytest
from deciding_kit import Net, narrowed, planned

from xbench.compacting import resizing, rules, rules_elementwise

GONE, WHOLE = [2, 3, 4, 5], [0, 1, 2, 3, 4, 5]


def ints(*numbers):
    return np.array(numbers, np.int64)


def floats(*numbers):
    return np.array(numbers, np.float32)


def unary(op_type, *more, **attributes):
    return lambda net, data: net.add(op_type, data, *more, **attributes)


def both(op_type, **attributes):
    return lambda net, data: net.add(op_type, data, net.drawn(6, zero=[0, 1]), **attributes)


def there_and_back(net, data):
    flat = net.add("Reshape", net.add("Transpose", data, perm=[2, 0, 1]), ints(6, -1))
    back = net.add("Reshape", net.add("Neg", flat), ints(6, -1, 5))
    return net.add("Transpose", back, perm=[1, 2, 0])


def repeated(net, data):
    wide = net.add("Tile", net.add("Unsqueeze", data, ints(1)), ints(1, 3, 1, 1))
    return net.add("Squeeze", net.add("Slice", wide, ints(1), ints(2), ints(1)), ints(1))


def biggest(net, data):
    values, _ = net.add("TopK", data, ints(2), out=2, axis=1)
    return values


def by_its_own_width(net, data):
    """As attention divides by the root of the width of a head: the width of before."""
    size = net.add("Gather", net.add("Shape", data), np.array(2), axis=0)
    return net.add("Div", data, net.add("Sqrt", net.add("Cast", size, to=1)))


def looked_up(net, data):
    first = net.add("ArgMax", "x", axis=1, keepdims=0)
    table = net.add("Gather", net.drawn(5, 6, zero=[0, 1], axis=1), first)
    return net.add("Add", data, net.add("ReduceSum", table, ints(1), keepdims=1))


def chosen(net, data):
    return net.add("Where", net.add("Greater", data, floats(0.1)), data, net.drawn(6, zero=[0, 1]))


def joined_in_time(net, data):
    return net.add("Concat", data, net.add("Relu", data), axis=1)


def batches(net, data):
    """A product of two activations, contracted over time."""
    return net.add(
        "MatMul", net.add("Softmax", net.add("MatMul", data, net.add("Transpose", data, perm=[0, 2, 1]))), data
    )


def by_letters(net, data):
    """Multiplied with other activations, index by index and summed over time, and by a weight."""
    products = net.add("Einsum", data, data, equation="btc,bsc->bct")
    weight = net.drawn(6, 6, zero=[0, 1])
    weight[:, :2] = 0
    return net.add("Einsum", products, weight, equation="bct,cd->btd")


OF_ROWS = {
    "Einsum": (by_letters, GONE),
    **{each: (unary(each), GONE) for each in ("Abs", "Erf", "Identity", "Relu", "Sigmoid", "Softsign", "Exp")},
    "Cast": (lambda net, data: net.add("Cast", net.add("Cast", data, to=11), to=1), GONE),
    "Clip": (unary("Clip", np.array(-0.5, np.float32), np.array(0.5, np.float32)), GONE),
    "Dropout": (unary("Dropout"), GONE),
    "Pow": (unary("Pow", floats(2)), GONE),
    "Mul": (both("Mul"), GONE),
    "Max": (both("Max"), GONE),
    "PRelu": (both("PRelu"), GONE),
    "Where": (chosen, GONE),
    "LogSoftmax": (unary("LogSoftmax", axis=1), GONE),
    "LogSoftmax over them": (unary("LogSoftmax", axis=-1), WHOLE),
    "CumSum": (unary("CumSum", np.array(1)), GONE),
    "CumSum over them": (unary("CumSum", np.array(2)), WHOLE),
    "ReduceMax": (unary("ReduceMax", axes=[1], keepdims=1), GONE),
    "ReduceSum of no axes": (unary("ReduceSum", noop_with_empty_axes=1), GONE),
    "TopK": (biggest, GONE),
    "Trilu": (unary("Trilu"), WHOLE),
    "Pad": (unary("Pad", ints(0, 1, 0, 0, 2, 0)), GONE),
    "Pad before them": (
        lambda net, data: net.add("Slice", net.add("Pad", data, ints(0, 0, 1, 0, 0, 0)), ints(1), ints(7), ints(2)),
        WHOLE,
    ),
    "Slice of time": (unary("Slice", ints(1), ints(9), ints(1), ints(2)), GONE),
    "Slice backwards": (unary("Slice", ints(-1), ints(-99), ints(2), ints(-1)), WHOLE),
    "Gather of time": (unary("Gather", ints(3, 0), axis=1), GONE),
    "Expand": (
        lambda net, data: net.add("Expand", net.add("Slice", data, ints(0), ints(1), ints(1)), ints(1, 4, 1)),
        GONE,
    ),
    "Tile": (repeated, GONE),
    "Transpose": (there_and_back, GONE),
    "Shape": (by_its_own_width, GONE),
    "Gather from a table": (looked_up, GONE),
    "Concat of time": (joined_in_time, GONE),
    "MatMul of activations": (batches, GONE),
    "ScatterND": (unary("ScatterND", ints(0).reshape(1, 1), np.zeros((1, 5, 6), np.float32)), WHOLE),
}


@pytest.mark.parametrize("case", OF_ROWS)
def test_rows(case):
    """[batch, 5, 6], of which two of the last six are always zero, and not heeded by what comes after."""
    build, kept = OF_ROWS[case]
    net = Net(5, 4)
    plan = planned(net, net.linear(build(net, net.linear("x", 4, 6, zero=[0, 1])), 6, 3, unread=[0, 1]))
    assert narrowed(plan, 0).get(1, WHOLE) == kept
    assert narrowed(plan, len(net.nodes) - 1).get(0, WHOLE) == kept


def resized(net, data):
    return net.add("Resize", data, "", floats(1, 1, 2, 2), mode="nearest")


def squeezed(net, data):
    """A gate for each channel, from the mean of all."""
    pooled = net.add("GlobalAveragePool", data)
    gate = net.conv(net.add("Relu", net.conv(pooled, 6, 2)), 2, 6)
    return net.add("Mul", data, net.add("HardSigmoid", gate))


def shuffled(net, data):
    """Two halves of the channels, each behind the other."""
    left, right = net.add("Split", data, ints(3, 3), out=2, axis=1)
    return net.add("Concat", right, left, axis=1)


OF_IMAGES = {
    "AveragePool": (unary("AveragePool", kernel_shape=[2, 2], pads=[1, 1, 0, 0]), GONE),
    "GlobalMaxPool": (unary("GlobalMaxPool"), GONE),
    "InstanceNormalization": (
        lambda net, data: net.add("InstanceNormalization", data, net.drawn(6), net.drawn(6, zero=[0, 1])),
        GONE,
    ),
    "LRN": (unary("LRN", size=3), WHOLE),
    "Resize": (resized, GONE),
    "Pad": (unary("Pad", ints(0, 0, 1, 1, 0, 0, 1, 1)), GONE),
    "squeeze and excitation": (squeezed, GONE),
    "Split and Concat": (shuffled, [0, 1, 2, 5]),
    "ReduceMean": (unary("ReduceMean", axes=[2, 3], keepdims=1), GONE),
    "SpaceToDepth": (
        lambda net, data: net.add("SpaceToDepth", net.add("Expand", data, ints(1, 1, 1, 1)), blocksize=1),
        WHOLE,
    ),
}


@pytest.mark.parametrize("case", OF_IMAGES)
def test_images(case):
    """[batch, 6, 4, 4], of which two of the six channels are always zero."""
    build, kept = OF_IMAGES[case]
    net = Net(3, 4, 4)
    plan = planned(net, net.conv(build(net, net.conv("x", 3, 6, zero=[0, 1])), 6, 3))
    assert narrowed(plan, len(net.nodes) - 1).get(1, WHOLE) == kept


def test_what_may_get_narrower_can_be_rewritten():
    """Each operator with a rule here is one that the other half of this wing follows or changes."""
    assert set(rules._STANDARD) <= resizing._FOLLOW | set(resizing._RULES)
    assert set(rules_elementwise.MICROSOFT) <= resizing._MICROSOFTS
