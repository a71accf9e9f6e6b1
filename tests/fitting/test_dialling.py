"""From groups and layers to what is measured and searched: PyTorch's layers meet the file's by their names."""

from __future__ import annotations

from types import SimpleNamespace

from latency_kit import CONV, DEPTHWISE, layer

from xbench.fitting.dialling import choices, sides, touched, uniform_widths


def group(name, units, makes, reads, unit_width=1):
    return SimpleNamespace(name=name, units=units, unit_width=unit_width, makes=makes, reads=reads)


def named(signature, module, inputs, outputs):
    found = layer(signature, node=f"/{module}", inputs=inputs, outputs=outputs)
    return type(found)(**{field: getattr(found, field) for field in found.__slots__} | {"module": module})


A, B = group("a", 64, {"a": 1, "deep": 1}, {"deep": 1, "join": 1}), group("b", 32, {"b": 1}, {"join": 1})
LAYERS = (
    named(CONV, "a", 3, 64),
    named(DEPTHWISE, "deep", 64, 64),
    named(CONV, "b", 3, 32),
    named(CONV, "join", 96, 10),
    named(CONV, "nobody", 10, 10),
    named(None, "unknown", 10, 10),
)


def test_layers_are_set_by_the_groups_that_make_and_read_them():
    found = touched((A, B), LAYERS)
    assert [one.module for one, _ in found] == ["a", "deep", "b", "join"]
    reads = {one.module: timed.reads for one, timed in found}
    assert reads == {"a": (), "deep": ((0, 1),), "b": (), "join": ((0, 1), (1, 1))}


def test_what_is_measured_is_all_that_the_widths_can_make():
    widths = [(16, 32, 64), (8, 16, 32)]
    timed = {one.module: t for one, t in touched((A, B), LAYERS)}
    assert sides(timed["a"], widths) == ([3], [16, 32, 64])
    assert sides(timed["deep"], widths) == ([16, 32, 64], [16, 32, 64])
    assert sides(timed["join"], widths) == ([24, 48, 96], [10]), "both groups narrowed alike"


def test_widths_are_multiples_of_what_the_target_likes_or_of_less_where_a_layer_is_narrow():
    heads = group("h", 12, {"q": 32}, {"o": 32}, unit_width=32)
    wide, narrow, few = choices((group("w", 512, {}, {}), group("n", 20, {}, {}), heads), LAYERS, 16)
    assert wide[-1] == 512
    assert all(width % 16 == 0 for width in wide)
    assert narrow[-1] == 20
    assert all(width % 2 == 0 for width in narrow)
    assert few == tuple(range(2, 13))
    assert min(*wide, *narrow, *few) >= 1


def test_uniform_widths_lose_no_more_than_the_share_and_stay_where_tables_are():
    widths = [(16, 32, 64), (8, 16, 32)]
    assert uniform_widths((A, B), widths, 0.3, 1) == {"a": 45, "b": 23}
    assert uniform_widths((A, B), widths, 0.3, 16) == {"a": 48, "b": 32}
    assert uniform_widths((A, B), widths, 0.99, 1) == {"a": 16, "b": 8}
