import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto as T
from onnx import helper as h

from xbench.onnxfile.compute import graph_cost, node_work
from xbench.onnxfile.inference import infer_shapes
from xbench.onnxfile.inputs import make_inputs, plan_inputs
from xbench.onnxfile.macs import node_macs
from xbench.onnxfile.opening import open_model

from . import models


def cost(made, **shapes):
    return graph_cost(made, infer_shapes(made, shapes))


@pytest.mark.parametrize(
    ("op_type", "inputs", "outputs", "attributes", "macs"),
    [
        ("MatMul", [(2, 5, 4), (4, 3)], [(2, 5, 3)], {}, 2 * 5 * 3 * 4),
        ("MatMul", [(4,), (4,)], [()], {}, 4),
        ("Gemm", [(4, 2), (3, 4), (3,)], [(2, 3)], {"transA": 1, "transB": 1}, 2 * 3 * 4),
        ("Conv", [(1, 8, 6, 6), (16, 2, 3, 3)], [(1, 16, 4, 4)], {"group": 4}, 16 * 16 * 2 * 9),
        ("ConvTranspose", [(1, 8, 4, 4), (8, 2, 3, 3)], [(1, 4, 6, 6)], {"group": 2}, 128 * 2 * 9),
        ("Einsum", [(2, 3, 4), (2, 5, 4)], [(2, 3, 5)], {"equation": b"bik,bjk->bij"}, 2 * 3 * 4 * 5),
    ],
)
def test_one_node_against_a_hand_count(op_type, inputs, outputs, attributes, macs):
    assert node_macs(op_type, inputs, outputs, attributes) == macs


def test_zeros_make_work_ineffective_but_not_small():
    weight = models.weights(4, 3)
    weight[:2] = 0
    found = cost(models.linear(weight=weight), x=(10, 4))
    assert (found.macs, found.effective_macs, found.weight_bytes, found.uncounted) == (120, 60, 48, ())
    dense = cost(models.linear(), x=(10, 4))
    assert dense.ideal_speedup(found) == (2.0, "")


def test_nodes_of_one_name_do_not_share_their_density():
    nodes = [
        h.make_node("MatMul", ["x", "a"], ["h"], name="n"),
        h.make_node("MatMul", ["h", "b"], ["y"], name="n"),
    ]
    io = [models.value("x", T.FLOAT, [1, 4])], [models.value("y", T.FLOAT, None)]
    constants = [
        models.constant("a", np.zeros((4, 4), np.float32)),
        models.constant("b", models.weights(4, 4)),
    ]
    assert cost(models.model(nodes, *io, constants), x=(1, 4)).effective_macs == 16


def test_what_is_not_counted_is_named_and_forbids_an_ideal():
    counted = cost(models.linear(), x=(1, 4))
    unknown = graph_cost(models.linear(), {})
    assert "the shape of 'x' is not known" in unknown.uncounted[0]
    assert counted.ideal_speedup(unknown)[0] is None
    inside = cost(models.branches(models.weights(4, 2), models.weights(4, 2)), x=(1, 4))
    assert "inside If 'if'" in inside.uncounted[0]
    custom = models.linear()
    custom.graph.node[0].domain = "my.domain"
    assert "my.domain.MatMul" in graph_cost(custom, {}).uncounted[0]
    packed = models.linear()
    packed.graph.node[0].domain, packed.graph.node[0].op_type = "com.microsoft", "MatMulNBits"
    assert "MatMulNBits" in graph_cost(packed, {}).uncounted[0]


def test_shapes_that_do_not_fit_the_graph():
    shapes = infer_shapes(models.linear(), {"x": (1, 7)})
    assert "y" not in shapes
    assert "do not fit" in graph_cost(models.linear(), {**shapes, "y": (1, 3)}).uncounted[0]


def exported(module, inputs, path, **options):
    torch = pytest.importorskip("torch")
    torch.onnx.export(module.eval(), inputs, path, dynamo=True, opset_version=20, verbose=False, **options)
    return open_model(path)


def flops(module, inputs):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


def shapes_of_a_run(made, plan):
    """The shape of every value, as ONNX Runtime sees it."""
    watched = onnx.ModelProto()
    watched.CopyFrom(made)
    del watched.graph.output[:]
    names = [name for node in made.graph.node for name in node.output if name]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, ["CPUExecutionProvider"])
    found = session.run(names, make_inputs(plan, 0))
    return plan.shapes | {name: each.shape for name, each in zip(names, found, strict=True)}


@pytest.mark.filterwarnings("ignore")
def test_a_cnn_and_a_transformer_against_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    cnn = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, groups=4),
        nn.ConvTranspose2d(8, 4, 2, stride=2),
        nn.Flatten(),
        nn.LazyLinear(10),
    )
    image = torch.randn(2, 3, 16, 16)
    cnn(image)
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    for name, module, given in (("cnn", cnn, image), ("encoder", encoder, torch.randn(2, 10, 32))):
        made = exported(module, (given,), tmp_path / f"{name}.onnx")
        plan = plan_inputs(made, {}, None, {})
        run, inferred = shapes_of_a_run(made, plan), infer_shapes(made, plan.shapes)
        assert {value: shape for value, shape in inferred.items() if run.get(value, shape) != shape} == {}
        for shapes in (run, inferred):
            found = graph_cost(made, shapes)
            assert found.uncounted == ()
            if name == "cnn":
                assert 2 * found.macs == flops(module, (given,))
        if name == "encoder":
            batch, length, width, inner = 2, 10, 32, 64
            linear = batch * length * (4 * width * width + 2 * width * inner)
            attention = 2 * batch * length * length * width
            assert found.macs == linear + attention


def test_the_work_of_each_node_by_hand():
    """A float32 product whose weight is stored as int8, and one of float16 of two activations."""
    nodes = [
        h.make_node("DequantizeLinear", ["q", "s"], ["w"]),
        h.make_node("MatMul", ["x", "w"], ["a"], name="fc"),
        h.make_node("Cast", ["a"], ["half"], to=T.FLOAT16),
        h.make_node("Transpose", ["half"], ["turned"], perm=[1, 0]),
        h.make_node("MatMul", ["half", "turned"], ["y"], name="scores"),
    ]
    constants = [models.constant("q", np.ones((8, 16), np.int8)), models.constant("s", np.float32(1))]
    made = models.model(
        nodes, [models.value("x", T.FLOAT, ["n", 8])], [models.value("y", T.FLOAT16, None)], constants
    )
    fc, scores = node_work(made, infer_shapes(made, {"x": (10, 8)}))
    assert (fc.node, fc.weights, fc.macs) == ("fc", ("q",), 10 * 8 * 16)
    assert (fc.weight_bytes, fc.activation_bytes) == (8 * 16, 4 * (10 * 8 + 10 * 16))
    assert fc.intensity == 2 * 1280 / (128 + 960)
    assert (scores.macs, scores.weight_bytes, scores.activation_bytes) == (10 * 10 * 16, 0, 2 * (160 + 160 + 100))
    unknown, _ = node_work(made, {})
    assert (unknown.macs, unknown.activation_bytes, unknown.intensity) == (None, None, None)
    assert "the shape of 'x' is not known" in unknown.note
