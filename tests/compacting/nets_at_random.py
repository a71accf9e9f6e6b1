"""Networks drawn at random, in which random units are only zeroed: written node by node, as exporters write them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

F = np.float32
DEAD = ("zero", "constant", "unread", "none")
"""Nothing of a unit is left; its bias is; only what reads it is zeroed; all of it is alive."""


class Net:
    """Nodes and constants, and the last value with its width."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def name(self, what: str) -> str:
        self._count += 1
        return f"{what}_{self._count}"

    def constant(self, array, what="c") -> str:
        name = self.name(what)
        self.constants.append(nh.from_array(np.asarray(array), name))
        return name

    def node(self, op_type: str, inputs, outputs=1, **attributes):
        names = [self.name(op_type.lower()) for _ in range(outputs)]
        self.nodes.append(h.make_node(op_type, list(inputs), names, name=self.name(f"n_{op_type}"), **attributes))
        return names[0] if outputs == 1 else names

    def weights(self, *shape):
        """So large that a sum of products is of the size of its factors; never zero by chance."""
        drawn = self.random.standard_normal(shape).astype(F)
        return np.where(drawn == 0, F(1), drawn) / F(np.sqrt(max(1, np.prod(shape[1:]))))

    def some(self, width: int):
        """Some of `width` units, at least one of them not."""
        return self.random.permutation(width)[: self.random.integers(0, width)]

    def model(self, inputs, output, shape, opset=17) -> onnx.ModelProto:
        self.nodes.append(h.make_node("Identity", [output], ["out"], name="last"))
        graph = h.make_graph(self.nodes, "g", inputs, [floats("out", *shape)])
        graph.initializer.extend(self.constants)
        return h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=9)


def floats(name: str, *shape) -> onnx.ValueInfoProto:
    return h.make_tensor_value_info(name, T.FLOAT, list(shape))


class Convolutional(Net):
    """Values of 4 axes. Each method takes (value, width) and gives the same."""

    def conv(self, x, width, out, kernel=3, dead="zero", groups=1, dead_in=()):
        weight, bias = self.weights(out, width // groups, kernel, kernel), self.weights(out)
        weight[:, list(dead_in)] = 0
        gone = self.some(out)
        if dead in ("zero", "constant"):
            weight[gone] = 0
        if dead == "zero":
            bias[gone] = 0
        pads = [kernel // 2] * 4
        names = [x, self.constant(weight, "w"), self.constant(bias, "b")]
        return self.node("Conv", names, kernel_shape=[kernel] * 2, pads=pads, group=groups), out

    def norm(self, x, width, dead="none"):
        """Where `dead`, units are zero, or constant, since their scale is."""
        scale, shift = 1 + self.weights(width), self.weights(width)
        mean, variance = self.weights(width), 1 + np.abs(self.weights(width))
        gone = self.some(width) if dead in ("zero", "constant") else []
        scale[gone] = 0
        if dead == "zero":
            shift[gone] = 0
        names = [x, *(self.constant(each, "bn") for each in (scale, shift, mean, variance))]
        return self.node("BatchNormalization", names, epsilon=1e-5), width

    def relu(self, x, width):
        return self.node(self.random.choice(["Relu", "Sigmoid", "Tanh", "HardSwish"]), [x]), width

    def plain(self, x, width, dead):
        out = int(self.random.integers(3, 9))
        x, out = self.conv(x, width, out, dead=dead)
        return self.relu(*self.norm(x, out, self.random.choice(DEAD)))

    def residual(self, x, width, dead):
        y = self.relu(*self.conv(x, width, int(self.random.integers(2, 7)), dead=dead))
        unread = self.some(y[1]) if dead == "unread" else ()
        y, _ = self.conv(*y, width, dead=self.random.choice(DEAD), dead_in=unread)
        return self.relu(self.node("Add", [x, y]), width)

    def concat(self, x, width, dead):
        one, other = (self.conv(x, width, int(self.random.integers(2, 5)), 1, dead) for _ in range(2))
        return self.node("Concat", [one[0], other[0]], axis=1), one[1] + other[1]

    def split(self, x, width, dead):
        x, width = self.conv(x, width, 6, 1, dead)
        sizes = self.constant(np.array([2, 4], np.int64))
        one, other = self.node("Split", [x, sizes], 2, axis=1)
        one, _ = self.conv(one, 2, 3, 1, self.random.choice(DEAD))
        return self.node("Concat", [other, one], axis=1), 7

    def depthwise(self, x, width, dead):
        x, width = self.relu(*self.conv(x, width, int(self.random.integers(2, 7)), 1, dead))
        x, width = self.conv(x, width, width, 3, self.random.choice(DEAD), groups=width)
        return self.conv(x, width, int(self.random.integers(2, 7)), 1, "none", dead_in=self.some(width))

    def squeezed(self, x, width, dead):
        """A gate for each channel, as in MobileNetV3."""
        y = self.relu(*self.conv(self.node("GlobalAveragePool", [x]), width, 3, 1, dead))
        gate = self.node("Sigmoid", [self.conv(*y, width, 1, "none")[0]])
        return self.node("Mul", [x, gate]), width

    def grouped(self, x, width, dead):
        """Two groups, and their channels shuffled, as in ShuffleNet."""
        x, width = self.conv(x, width, 6, 1, dead)
        x, width = self.conv(x, width, 6, 3, self.random.choice(DEAD), groups=2)
        apart = self.node("Reshape", [x, self.constant(np.array([0, 2, 3, 8, 8], np.int64))])
        turned = self.node("Transpose", [apart], perm=[0, 2, 1, 3, 4])
        return self.node("Reshape", [turned, self.constant(np.array([0, 6, 8, 8], np.int64))]), 6

    def resized(self, x, width, dead):
        """Halved and doubled again: by pooling or a stride, and by a transposed convolution."""
        x, width = self.relu(*self.conv(x, width, int(self.random.integers(2, 7)), 3, dead))
        kind = self.random.choice(["MaxPool", "AveragePool"])
        x = self.node(kind, [x], kernel_shape=[2, 2], strides=[2, 2])
        out = int(self.random.integers(2, 6))
        weight, bias, gone = self.weights(width, out, 2, 2), self.weights(out), self.some(out)
        weight[:, gone], bias[gone] = 0, 0 if dead == "zero" else bias[gone]
        names = [x, self.constant(weight, "w"), self.constant(bias, "b")]
        return self.node("ConvTranspose", names, kernel_shape=[2, 2], strides=[2, 2]), out

    def sliced(self, x, width, dead):
        """Some channels as they are and some changed, as in CSPNet; and a scale for each."""
        x, width = self.conv(x, width, 6, 1, dead)
        bounds = [self.constant(np.array([each], np.int64)) for each in (0, 3, 6, 1)]
        first, second = (self.node("Slice", [x, bounds[i], bounds[i + 1], bounds[3]]) for i in (0, 1))
        second, more = self.relu(*self.conv(second, 3, 4, 3, self.random.choice(DEAD)))
        x = self.node("Concat", [first, second], axis=1)
        return self.node("Mul", [x, self.constant(self.weights(1, 3 + more, 1, 1))]), 3 + more

    BLOCKS = ("plain", "residual", "concat", "split", "depthwise", "squeezed", "grouped", "resized", "sliced")


def convolutional(seed: int, blocks, batch="batch") -> onnx.ModelProto:
    """`blocks` are pairs of a method's name and one of `DEAD`."""
    net = Convolutional(seed)
    value = net.conv("x", 3, int(net.random.integers(2, 7)), dead="zero")
    for name, dead in blocks:
        value = getattr(net, name)(*value, dead)
    x, width = value
    if seed % 2:  # each channel becomes 64 inputs of the last layer
        flat, width = net.node("Flatten", [x]), width * 64
    else:
        flat = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    names = [flat, net.constant(net.weights(5, width), "w"), net.constant(net.weights(5), "b")]
    return net.model([floats("x", batch, 3, 8, 8)], net.node("Gemm", names, transB=1), [batch, 5])


class Transformer(Net):
    """Values of [batch, tokens, width]."""

    def linear(self, x, weight, bias):
        product = self.node("MatMul", [x, self.constant(weight, "w")])
        return product if bias is None else self.node("Add", [product, self.constant(bias, "b")])

    def dead_columns(self, width, out, dead, groups=1):
        """A weight and a bias, some columns dead, in whole `groups`; and which are."""
        weight, bias = self.weights(width, out), self.weights(out)
        size = out // groups
        gone = (self.some(groups)[:, None] * size + np.arange(size)).ravel() if groups > 1 else self.some(out)
        if dead in ("zero", "constant"):
            weight[:, gone] = 0
        if dead == "zero":
            bias[gone] = 0
        return weight, bias, gone

    def norm(self, x, width):
        names = [x, self.constant(1 + self.weights(width)), self.constant(self.weights(width))]
        return self.node("LayerNormalization", names, axis=-1)

    def mlp(self, x, width, dead):
        hidden = int(self.random.integers(3, 12))
        weight, bias, gone = self.dead_columns(width, hidden, dead)
        y = self.node(self.random.choice(["Relu", "Tanh", "Erf"]), [self.linear(x, weight, bias)])
        down = self.weights(hidden, width)
        down[gone] = 0 if dead == "unread" else down[gone]
        return self.node("Add", [x, self.linear(y, down, self.weights(width))])

    def gated(self, x, width, dead):
        """down(act(gate(x)) * up(x)): one side is enough for a neuron to be zero."""
        hidden = int(self.random.integers(3, 12))
        (gate, bias, _), (up, shift, gone) = (self.dead_columns(width, hidden, each) for each in ("none", dead))
        gated = self.linear(x, gate, bias)
        y = self.node("Mul", [self.node("Mul", [gated, self.node("Sigmoid", [gated])]), self.linear(x, up, shift)])
        down = self.weights(hidden, width)
        down[gone] = 0 if dead == "unread" else down[gone]
        return self.node("Add", [x, self.linear(y, down, None)])

    def attention(self, x, width, dead):
        """`zero` and `constant` are the heads' values; `unread` is the projection after them."""
        heads, size = int(self.random.integers(2, 5)), 4
        inner = heads * size
        value, bias, gone = self.dead_columns(width, inner, dead, heads)
        alive = [self.linear(x, self.weights(width, inner), self.weights(inner)) for _ in "qk"]
        query, key = (self.split_heads(each, heads, size) for each in alive)
        scores = self.node("MatMul", [query, self.node("Transpose", [key], perm=[0, 1, 3, 2])])
        shares = self.node("Softmax", [self.node("Div", [scores, self.constant(F(2))])], axis=-1)
        mixed = self.node("MatMul", [shares, self.split_heads(self.linear(x, value, bias), heads, size)])
        back = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        joined = self.node("Reshape", [back, self.constant(np.array([0, 0, inner], np.int64))])
        out = self.weights(inner, width)
        out[gone] = 0 if dead == "unread" else out[gone]
        return self.node("Add", [x, self.linear(joined, out, self.weights(width))])

    def split_heads(self, x, heads, size):
        shape = self.constant(np.array([0, 0, heads, size], np.int64))
        return self.node("Transpose", [self.node("Reshape", [x, shape])], perm=[0, 2, 1, 3])

    def fused(self, x, width, dead):
        """Q, K and V of one product, split afterwards; fewer heads of keys than of queries are not drawn."""
        heads, size = int(self.random.integers(2, 4)), 4
        inner = heads * size
        parts = [self.dead_columns(width, inner, "none"), self.dead_columns(width, inner, "none")]
        parts.append(self.dead_columns(width, inner, dead, heads))
        joined = [np.concatenate([part[i] for part in parts], axis=-1) for i in (0, 1)]
        sizes = self.constant(np.array([inner] * 3, np.int64))
        each = self.node("Split", [self.linear(x, *joined), sizes], 3, axis=-1)
        query, key, value = (self.split_heads(part, heads, size) for part in each)
        scores = self.node("MatMul", [query, self.node("Transpose", [key], perm=[0, 1, 3, 2])])
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), value])
        back = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        flat = self.node("Reshape", [back, self.constant(np.array([0, 0, inner], np.int64))])
        return self.node("Add", [x, self.linear(flat, self.weights(inner, width), None)])

    BLOCKS = ("mlp", "gated", "attention", "fused")


def transformer(seed: int, blocks, batch="batch") -> onnx.ModelProto:
    net = Transformer(seed)
    x, width = "x", 6
    for name, dead in blocks:
        x = getattr(net, name)(net.norm(x, width), width, dead)
    tokens = "tokens" if isinstance(batch, str) else 5
    return net.model(
        [floats("x", batch, tokens, width)], net.linear(x, net.weights(width, 4), None), [batch, tokens, 4]
    )
