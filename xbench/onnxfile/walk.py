"""The way through an ONNX file: its graphs, nodes and tensors, in branches, loops and functions too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import onnx

STANDARD_DOMAINS = ("", "ai.onnx")


def shown(text: str) -> str:
    """A name from a stranger's file, quoted, on one line, and not longer than a line can bear."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def label(node: onnx.NodeProto) -> str:
    """The node's name; its first output where it has no name."""
    return node.name or next((output for output in node.output if output), node.op_type)


def run_keys(graph: onnx.GraphProto) -> list[str]:
    """What ONNX Runtime calls each node of a file's main graph in a profile; empty where that tells no node.

    That is its name, or `OP_INDEX` where it has none: its place in the file without the Constant nodes, which are
    made initializers when the file is read. Empty for these, and where several have one key.
    """
    keys: list[str] = []
    place = 0
    for node in graph.node:
        constant = node.op_type == "Constant" and node.domain in STANDARD_DOMAINS
        keys.append("" if constant else node.name or f"{node.op_type}_{place}")
        place += not constant
    counts = Counter(keys)
    return [key if counts[key] == 1 else "" for key in keys]


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that hang on one node: the branches of an If, the body of a Loop or a Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph and every graph below it. Functions hold nodes, not graphs: see `nodes`."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            waiting.extend(subgraphs(node))


def below(nodes_of_one_level: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """These nodes, and all nodes in graphs that hang on them."""
    for node in nodes_of_one_level:
        yield node
        for graph in subgraphs(node):
            yield from below(graph.node)


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node of the file, those in the bodies of its functions included."""
    yield from below(model.graph.node)
    for function in model.functions:
        yield from below(function.node)


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every constant tensor of the file; a sparse one gives its values and its indices."""
    for graph in graphs(model):
        yield from _of_graph(graph)
    for node in nodes(model):
        yield from _of_attributes(node)
    for function in model.functions:
        for graph in (graph for node in below(function.node) for graph in subgraphs(node)):
            yield from _of_graph(graph)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _of_attributes(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
