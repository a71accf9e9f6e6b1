"""Graphs of moves along the last axis at random: what is decided can be carried out, and the outputs stay."""

import random

import numpy as np
import pytest
from deciding_kit import Net, planned

HALF = 0.5


def ints(*numbers):
    return np.array(numbers, np.int64)


class Rows(Net):
    """Values of [batch, 4, width]; `ends` has (value, width) of each."""

    def __init__(self, seed):
        super().__init__(4, 6)
        self.random, self.dice = np.random.default_rng(seed), random.Random(seed)  # noqa: S311
        self.ends = [("x", 6)]
        for _ in range(self.dice.randint(4, 14)):
            move = self.dice.choice([Rows.dense, Rows.dense, Rows.simple, Rows.joined, Rows.scaled, *MOVES])
            move(self, *self.dice.choice(self.ends[-4:]))

    def some(self, count):
        return self.dice.sample(range(count), self.dice.randint(0, count - 1))

    def dense(self, data, width):
        wide = self.dice.choice([4, 6, 8, 12])
        zero, unread = self.some(wide), self.some(width) if self.dice.random() < HALF else ()
        bias = self.drawn(wide)
        bias[zero] = self.dice.choice([0, 0, 1, 2.5])
        self.ends.append((self.add("Add", self.linear(data, width, wide, zero=zero, unread=unread), bias), wide))

    def simple(self, data, width):
        self.ends.append((self.add(self.dice.choice(["Relu", "Tanh", "Sigmoid", "Abs", "Neg"]), data), width))

    def joined(self, data, width):
        other = self.dice.choice([name for name, size in self.ends if size == width])
        self.ends.append((self.add(self.dice.choice(["Add", "Mul", "Sub", "Max"]), data, other), width))

    def scaled(self, data, width):
        self.ends.append((self.add("Mul", data, self.drawn(width, zero=self.some(width))), width))

    def outputs(self):
        used = {name for node in self.nodes for name in node.input}
        ends = [(name, width) for name, width in self.ends[1:] if name not in used]
        return [self.linear(name, width, 2, unread=self.some(width)) for name, width in ends]


def one_after_another(net, data, width):
    other, more = net.dice.choice(net.ends)
    net.ends.append((net.add("Concat", data, other, axis=2), width + more))


def halves(net, data, width):
    if width % 2 == 0:
        parts = net.add("Split", data, ints(width // 2, width // 2), out=2, axis=2)
        net.ends += [(part, width // 2) for part in parts]


def part(net, data, width):
    start = net.dice.randint(0, width - 1)
    end = net.dice.randint(start + 1, width)
    net.ends.append((net.add("Slice", data, ints(start), ints(end), ints(-1)), end - start))


def picked(net, data, width):
    chosen = [net.dice.randrange(width) for _ in range(net.dice.randint(1, width))]
    net.ends.append((net.add("Gather", data, ints(*chosen), axis=2), len(chosen)))


def heads(net, data, width):
    """Taken apart, attended to or not, with batch and heads as one axis or not, and put together."""
    count = net.dice.choice([each for each in range(1, width + 1) if width % each == 0])
    data = net.add("Transpose", net.add("Reshape", data, ints(0, 0, count, width // count)), perm=[0, 2, 1, 3])
    if net.dice.random() < HALF:
        flat = net.add("Reshape", data, ints(-1, 4, width // count))
        data = net.add("Reshape", net.add("Softmax", flat, axis=1), ints(-1, count, 4, width // count))
    if net.dice.random() < HALF:
        scores = net.add("MatMul", data, net.add("Transpose", data, perm=[0, 1, 3, 2]))
        data = net.add("MatMul", net.add("Softmax", scores, axis=-1), data)
    net.ends.append((net.add("Reshape", net.add("Transpose", data, perm=[0, 2, 1, 3]), ints(0, 0, width)), width))


MOVES = [one_after_another, halves, part, picked, heads]


@pytest.mark.parametrize("start", range(0, 60, 15))
def test_moves_along_an_axis(start):
    plans = []
    for seed in range(start, start + 15):
        net = Rows(seed)
        plans.append(planned(net, *net.outputs()) if len(net.ends) > 1 else None)
    assert any(plan is not None and plan.gone for plan in plans)
