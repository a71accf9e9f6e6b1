"""What goes, what stays and why, and what is never written, from opening a file to putting one in place."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx
import pytest
from compact_kit import F, constants, drawn, h, mlp, model, nh, quick, run, same_outputs, save, value

from xbench.artifacts.describing import describe
from xbench.artifacts.keeping import add_provenance
from xbench.compacting import repeating
from xbench.compacting.compacting import NOTHING
from xbench.errors import InputError, InvalidError, StoreError
from xbench.onnxfile.digests import file_digest

pytest.importorskip("onnxruntime", reason="what is compacted is verified by onnxruntime")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    quick(monkeypatch)


def fed(*shape, name="x"):
    return {name: np.random.default_rng(7).standard_normal(shape).astype(F)}


def compacted(tmp_path, made, **how):
    """The record; and where a file was written, its constants."""
    source, target = save(made, tmp_path / "masked.onnx"), tmp_path / "out.onnx"
    found = run(source, target, **how)
    assert (found.target is not None) == target.exists() == (found.exit_code == 0) == bool(found.gone)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    return found, constants(target) if found.target else {}


def nothing(tmp_path, made, *words):
    found, _ = compacted(tmp_path, made)
    assert found.exit_code == NOTHING == 2
    told = "; ".join(f"{one.units} at {one.node}: {one.reason}" for one in found.stays)
    for word in words:
        assert word in told
    return found


def test_zeroed_neurons_go(tmp_path):
    found, left = compacted(tmp_path, mlp(dead=5, hidden=8))
    assert left["w1"].shape == (6, 3)
    (one,) = found.gone
    assert (one.unit, one.before, one.after, one.why) == ("neurons", 8, 3, ("zero",))
    assert one.nodes == ("fc1", "fc2")
    assert found.source.parameters - found.target.parameters == 5 * (6 + 1 + 3)
    assert found.source.macs == 2 * (6 * 8 + 8 * 3)
    assert found.target.macs == 2 * (6 * 3 + 3 * 3)
    assert found.target.zeros == 0
    assert found.target.sha256 == file_digest(tmp_path / "out.onnx")
    assert same_outputs(tmp_path / "masked.onnx", tmp_path / "out.onnx", fed(9, 6))
    onnx.checker.check_model(tmp_path / "out.onnx", full_check=True)


def test_a_bias_that_survives_is_folded_forward(tmp_path):
    found, left = compacted(tmp_path, mlp(dead=5, bias=0.75))
    assert found.folded_biases == 1
    assert found.gone[0].why == ("constant",)
    assert left["w1"].shape == (6, 3)
    assert same_outputs(tmp_path / "masked.onnx", tmp_path / "out.onnx", fed(9, 6))


def test_a_dense_file(tmp_path):
    found = nothing(tmp_path, mlp(dead=0))
    assert (found.stays, found.source.zeros) == ((), 0)


def test_zeros_that_reach_an_output(tmp_path):
    made = mlp(dead=0)
    for tensor in made.graph.initializer:
        if tensor.name in ("w2", "b2"):
            array = nh.to_array(tensor).copy()
            array[..., 1] = 0
            tensor.CopyFrom(nh.from_array(array, tensor.name))
    nothing(tmp_path, made, "1 at fc2", "output")


def branches(dead_of_first, dead_of_second):
    """y = W (relu(A x) + relu(B x)), with channels of A and of B zeroed."""
    first, second = drawn(6, 4), drawn(6, 4, seed=1)
    first[:, dead_of_first], second[:, dead_of_second] = 0, 0
    nodes = [
        h.make_node("MatMul", ["x", "a"], ["p"], name="first"),
        h.make_node("Relu", ["p"], ["pr"]),
        h.make_node("MatMul", ["x", "b"], ["q"], name="second"),
        h.make_node("Relu", ["q"], ["qr"]),
        h.make_node("Add", ["pr", "qr"], ["s"], name="sum"),
        h.make_node("MatMul", ["s", "w"], ["y"], name="after"),
    ]
    names = {"a": first, "b": second, "w": drawn(4, 3, seed=2)}
    return model(nodes, [value("x", ["batch", 6])], [value("y", ["batch", 3])], names)


def test_channels_zeroed_in_one_of_two_branches_that_are_added(tmp_path):
    nothing(tmp_path, branches([0, 1], [2]), "2 at first", "1 at second")


def test_channels_zeroed_in_both_go(tmp_path):
    found, left = compacted(tmp_path, branches([0, 1], [1, 2]))
    assert left["w"].shape == (3, 3)
    assert sum(one.units for one in found.stays) == 2


def shared(dead_after_second):
    """One weight in two layers. What reads the second heeds its first neurons, or not."""
    weight, after, other = drawn(6, 6), drawn(6, 3, seed=1), drawn(6, 3, seed=2)
    after[:2] = 0
    other[:2] = 0 if dead_after_second else other[:2]
    nodes = [
        h.make_node("MatMul", ["x", "w"], ["a"], name="one"),
        h.make_node("Relu", ["a"], ["b"]),
        h.make_node("MatMul", ["b", "after"], ["c"], name="after_one"),
        h.make_node("MatMul", ["x", "w"], ["d"], name="two"),
        h.make_node("Tanh", ["d"], ["e"]),
        h.make_node("MatMul", ["e", "other"], ["f"], name="after_two"),
        h.make_node("Add", ["c", "f"], ["y"]),
    ]
    names = {"w": weight, "after": after, "other": other}
    return model(nodes, [value("x", ["batch", 6])], [value("y", ["batch", 3])], names)


def test_a_weight_that_layers_share_and_all_lose(tmp_path):
    compacted(tmp_path, shared(dead_after_second=True))
    left = onnx.load(tmp_path / "out.onnx")
    assert sorted(tuple(tensor.dims) for tensor in left.graph.initializer) == [(4, 3), (4, 3), (6, 4)]


def test_a_weight_that_layers_of_different_fate_share(tmp_path):
    """One layer may lose two neurons and the other none: right in any case, and no larger."""
    found, _ = compacted(tmp_path, shared(dead_after_second=False))
    if found.target:
        assert same_outputs(tmp_path / "masked.onnx", tmp_path / "out.onnx", fed(4, 6))
        assert found.target.parameters <= found.source.parameters
    else:
        assert "after_two" in found.stays[0].reason


def with_if(dead_in_then, dead_in_else):
    """y = W (which ? relu(A x) : relu(B x)), the layers in the branches of an If."""

    def branch(name, seed, dead):
        weight = drawn(6, 4, seed=seed)
        weight[:, dead] = 0
        nodes = [h.make_node("MatMul", ["x", f"{name}_w"], [f"{name}_a"], name=f"{name}_fc")]
        nodes.append(h.make_node("Relu", [f"{name}_a"], [f"{name}_y"]))
        graph = h.make_graph(nodes, name, [], [value(f"{name}_y", None)], [nh.from_array(weight, f"{name}_w")])
        return graph

    then, other = branch("then", 0, dead_in_then), branch("else", 1, dead_in_else)
    nodes = [
        h.make_node("If", ["which"], ["s"], name="if", then_branch=then, else_branch=other),
        h.make_node("MatMul", ["s", "w"], ["y"], name="after"),
    ]
    inputs = [value("which", [], onnx.TensorProto.BOOL), value("x", ["batch", 6])]
    return model(nodes, inputs, [value("y", ["batch", 3])], {"w": drawn(4, 3, seed=2)})


def test_an_if_whose_branches_differ(tmp_path):
    nothing(tmp_path, with_if([0, 1], [2]), "2 at then_fc", "1 at else_fc", "inside node 'if' (If)")


def test_a_layer_beside_an_if_goes(tmp_path):
    """What an If takes from outside is heeded; the neurons of another layer go all the same."""
    made = with_if([0, 1], [2])
    extra = mlp(dead=5).graph
    made.graph.node.extend(extra.node)
    made.graph.node[-1].output[0] = "z"
    made.graph.output.append(value("z", ["batch", 3]))
    for tensor in extra.initializer:
        tensor.name = f"{tensor.name}x"
        made.graph.initializer.append(tensor)
    for node in made.graph.node[-5:]:
        names = [f"{name}x" if name in ("w1", "w2", "b1", "b2") else name for name in node.input]
        node.input[:] = names
    found, left = compacted(tmp_path, made)
    assert left["w1x"].shape == (6, 3)
    assert [one.nodes for one in found.gone] == [("fc1", "fc2")]


def quantised(zero_point, stored):
    """Weights in uint8; four neurons hold `stored` alone, which is zero where it is the zero point."""
    random = np.random.default_rng(0)
    w1, w2 = (random.integers(1, 255, shape).astype(np.uint8) for shape in ((6, 8), (8, 3)))
    w1[:, :4] = stored
    nodes = []
    for name, data in (("w1", "x"), ("w2", "b")):
        nodes.append(h.make_node("DequantizeLinear", [name, "scale", "point"], [f"{name}_f"], name=f"dq_{name}"))
        nodes.append(h.make_node("MatMul", [data, f"{name}_f"], [{"x": "a", "b": "y"}[data]], name=f"of_{name}"))
        if data == "x":
            nodes.append(h.make_node("Relu", ["a"], ["b"]))
    names = {"w1": w1, "w2": w2, "scale": F(0.01), "point": np.uint8(zero_point)}
    return model(nodes, [value("x", ["batch", 6])], [value("y", ["batch", 3])], names)


def test_quantised_weights_whose_zero_point_is_not_zero(tmp_path):
    """A stored zero is no zero there."""
    nothing(tmp_path, quantised(zero_point=128, stored=0), "4 at of_w1", "not their zero point")


@pytest.mark.parametrize("zero_point", [0, 128])
def test_quantised_weights_that_are_zero_go(tmp_path, zero_point):
    _, left = compacted(tmp_path, quantised(zero_point, stored=zero_point))
    assert left["w1"].shape == (6, 4)
    assert left["w2"].shape == (4, 3)
    assert left["w1"].dtype == np.uint8


def test_weights_beside_the_file(tmp_path):
    """The trick of files above 2 GiB at a small size: the limit is lowered."""
    source = tmp_path / "in" / "masked.onnx"
    source.parent.mkdir()
    made = mlp(dead=600, hidden=1000)
    onnx.save_model(made, source, save_as_external_data=True, location="weights.bin", size_threshold=0)
    found = run(source, tmp_path / "out" / "small.onnx", inline_bytes=4096)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["small.onnx", "small.onnx.data"]
    assert found.target.size_bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert same_outputs(source, tmp_path / "out" / "small.onnx", fed(3, 6), atol=1e-4)
    kept = describe(tmp_path / "out" / "small.onnx", "small")
    assert (kept.provenance_fault, kept.audit.zeros) == ("", 0)


def test_the_same_bytes_again_and_what_the_file_says_of_its_making(tmp_path):
    source = save(mlp(), tmp_path / "masked.onnx")
    onnx.helper.set_model_props(made := onnx.load(source), {"labels": "a,b"})
    save(made, source)
    add_provenance(source, {"variant": "masked"})
    run(source, tmp_path / "a.onnx"), run(source, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    kept = describe(tmp_path / "a.onnx", "a")
    assert kept.provenance_fault == ""
    assert kept.provenance["xbench.compacted_from"] == file_digest(source)
    assert kept.provenance["labels"] == "a,b"
    assert "xbench.variant" not in kept.provenance


def test_local_functions_are_put_in_place(tmp_path):
    made = mlp(dead=5, bias=0.75)
    twice = h.make_function(
        "mine", "Twice", ["u"], ["v"], [h.make_node("Add", ["u", "u"], ["v"])], [h.make_opsetid("", 17)]
    )
    made.functions.append(twice)
    made.opset_import.append(h.make_opsetid("mine", 1))
    made.graph.node[2].CopyFrom(h.make_node("Twice", ["b"], ["c"], domain="mine", name="twice"))
    found, left = compacted(tmp_path, made)
    assert "its local functions were put in place" in found.notes
    assert left["w1"].shape == (6, 3)
    assert same_outputs(tmp_path / "masked.onnx", tmp_path / "out.onnx", fed(9, 6))


def test_what_is_compact_already(tmp_path):
    run(save(mlp(), tmp_path / "masked.onnx"), tmp_path / "once.onnx")
    found = run(tmp_path / "once.onnx", tmp_path / "twice.onnx")
    assert (found.exit_code, found.stays) == (NOTHING, ())


def test_real_inputs_of_any_size(tmp_path):
    np.savez(tmp_path / "real.npz", **fed(5, 6))
    np.savez(tmp_path / "more.npz", **fed(1, 6))
    found, _ = compacted(tmp_path, mlp(), inputs=(tmp_path / "real.npz", tmp_path / "more.npz"))
    assert found.inputs[-2:] == ("the inputs in real.npz", "the inputs in more.npz")


@pytest.mark.parametrize("way", ["itself", "dots", "link", "hard link", "folder link"])
@pytest.mark.parametrize("force", [False, True])
def test_an_output_that_is_the_input(tmp_path, monkeypatch, way, force):
    source = save(mlp(), tmp_path / "masked.onnx")
    content = source.read_bytes()
    target = {"itself": source, "dots": tmp_path / "sub" / ".." / "masked.onnx"}.get(way, tmp_path / "other.onnx")
    (tmp_path / "sub").mkdir()
    if way == "link":
        target.symlink_to(source)
    elif way == "hard link":
        os.link(source, target)
    elif way == "folder link":
        (tmp_path / "there").symlink_to(tmp_path)
        target = tmp_path / "there" / "masked.onnx"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="it is the input"):
        run("masked.onnx", target, force=force)
    assert source.read_bytes() == content


@pytest.mark.parametrize("name", ["small.onnx", "weights.onnx"])
def test_an_output_over_the_weights_of_the_input(tmp_path, name):
    location = "small.onnx.data" if name == "small.onnx" else name
    source = tmp_path / "masked.onnx"
    onnx.save_model(mlp(), source, save_as_external_data=True, location=location, size_threshold=0)
    content = (tmp_path / location).read_bytes()
    with pytest.raises(InputError, match="the input has its weights in there"):
        run(source, tmp_path / name, force=True)
    assert (tmp_path / location).read_bytes() == content


def test_an_output_that_is_there(tmp_path):
    source, target = save(mlp(), tmp_path / "masked.onnx"), tmp_path / "out.onnx"
    target.write_text("mine")
    with pytest.raises(InputError, match=r"(?s)that file is there.*--force"):
        run(source, target)
    assert target.read_text() == "mine"
    assert run(source, target, force=True).exit_code == 0
    with pytest.raises(InputError, match="it is a folder"):
        run(source, tmp_path, force=True)


def test_a_file_that_is_there_outlives_a_dense_input(tmp_path):
    (tmp_path / "out.onnx").write_text("mine")
    run(save(mlp(dead=0), tmp_path / "masked.onnx"), tmp_path / "out.onnx", force=True)
    assert (tmp_path / "out.onnx").read_text() == "mine"


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"(?s)Not a directory.*for OUT\.onnx"):
        run(save(mlp(), tmp_path / "masked.onnx"), tmp_path / "file" / "out.onnx")


def test_what_does_not_fit_the_model(tmp_path):
    source = save(mlp(), tmp_path / "masked.onnx")
    np.savez(tmp_path / "real.npz", **fed(5, 7))
    for how, words in (
        ({"shapes": {"z": (1, 6)}}, "no such input"),
        ({"inputs": (tmp_path / "real.npz",)}, "axis 1 is 7"),
        ({"inputs": (tmp_path / "absent.npz",)}, "no such file"),
    ):
        with pytest.raises(InputError, match=words):
            run(source, tmp_path / "out.onnx", **how)
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "absent.onnx", tmp_path / "out.onnx")


def test_a_rewriter_that_takes_a_live_unit_is_found_out(tmp_path, monkeypatch):
    """The planted bug: one neuron too many goes, everywhere, so that all shapes fit."""

    def greedy(made, shapes, known):
        plan = honest(made, shapes, known)
        values, constants = (
            {key: left[1:] if left.size == 4 else left for key, left in part.items()}
            for part in (plan.values, plan.constants)
        )
        return replace(plan, values=values, constants=constants)

    honest = repeating.plan_of
    monkeypatch.setattr(repeating, "plan_of", greedy)
    source = save(mlp(dead=4, hidden=8), tmp_path / "masked.onnx")
    with pytest.raises(InvalidError, match=r"(?s)does not compute what masked\.onnx does.*nothing was written"):
        run(source, tmp_path / "out.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["masked.onnx"]


def test_an_output_that_changes_its_shape_is_found_out(tmp_path, monkeypatch):
    def renaming(made, plan, shapes):
        after = honest(made, plan, shapes)
        made.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "rows"
        return after

    honest = repeating.rewritten
    monkeypatch.setattr(repeating, "rewritten", renaming)
    with pytest.raises(InvalidError, match="signature"):
        run(save(mlp(), tmp_path / "masked.onnx"), tmp_path / "out.onnx")


def test_a_file_that_the_checker_refuses_is_found_out(tmp_path, monkeypatch):
    def muddling(made, plan, shapes):
        after = honest(made, plan, shapes)
        made.graph.value_info.append(value("c", [1, 2, 3, 4]))
        return after

    honest = repeating.rewritten
    monkeypatch.setattr(repeating, "rewritten", muddling)
    with pytest.raises(InvalidError, match="checker"):
        run(save(mlp(), tmp_path / "masked.onnx"), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_two_at_once(tmp_path):
    source = save(mlp(), tmp_path / "masked.onnx")

    def one(_):
        try:
            return run(source, tmp_path / "out.onnx").exit_code
        except InputError as error:
            return error.found

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(one, range(4)))
    assert sorted(map(str, ended)) == ["0", *["that file is there, and is left as it is"] * 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masked.onnx", "out.onnx"]


@pytest.mark.slow
def test_a_model_above_two_gigabytes(tmp_path):
    """Its zeroed rows are holes in the file: it takes little of the disk, and its size in memory several times."""
    psutil = pytest.importorskip("psutil")
    if "XBENCH_LARGE_TESTS" not in os.environ:
        pytest.skip("a model above 2 GB takes a minute and 8 GiB of memory: XBENCH_LARGE_TESTS=1 runs it")
    if psutil.virtual_memory().available < 12 * 2**30 or shutil.disk_usage(tmp_path).free < 4 * 2**30:
        pytest.skip("a model above 2 GB takes 12 GiB of memory here, and 4 GiB of disk where there are no holes")
    inputs, hidden, alive = 1000, 275_000, 100
    source = tmp_path / "masked.onnx"
    sizes = {"w1": (hidden, inputs), "b1": (hidden,), "w2": (hidden, 3), "b2": (3,)}
    made = model(
        [
            h.make_node("Gemm", ["x", "w1", "b1"], ["a"], name="fc1", transB=1),
            h.make_node("Relu", ["a"], ["b"]),
            h.make_node("Gemm", ["b", "w2", "b2"], ["y"], name="fc2"),
        ],
        [value("x", ["batch", inputs], onnx.TensorProto.DOUBLE)],
        [value("y", ["batch", 3], onnx.TensorProto.DOUBLE)],
        {},
    )
    start = 0
    with (tmp_path / "weights.bin").open("wb") as file:
        for name, shape in sizes.items():
            tensor = made.graph.initializer.add(name=name, data_type=onnx.TensorProto.DOUBLE, dims=shape)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            length = 8 * int(np.prod(shape))
            for key, entry in (("location", "weights.bin"), ("offset", start), ("length", length)):
                tensor.external_data.add(key=key, value=str(entry))
            file.seek(start)
            file.write(drawn(min(alive, shape[0]), *shape[1:]).astype(np.float64).tobytes())
            start += length
        file.truncate(start)
    found = run(save(made, source), tmp_path / "out.onnx")
    assert found.source.size_bytes > 2**31
    assert (found.gone[0].before, found.gone[0].after) == (hidden, alive)
    assert found.target.size_bytes < 2**20
