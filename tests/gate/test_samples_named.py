"""A verdict names the files that it was decided on, with a digest of their bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scored_kit import facts, right, run, scores

from xbench.gate.question import Source
from xbench.gate.sampling import scored_sample, timed_sample
from xbench.records.measurement import Block, MemoryUse, Placement, ProcessSet, Run


def a_set(number, *labels):
    memory = MemoryUse(before_model_mib=1, load_peak_mib=1, run_peak_mib=1)
    placement = Placement(asked="CPU", providers=("CPU",), nodes={"CPU": 1}, time_share={"CPU": 1.0})
    calls = np.arange(1, 4)
    blocks = (Block(0, 0, calls, 1, None),)
    runs = tuple(Run(label, number, 1, 1, calls, blocks, memory, placement, True, 1) for label in labels)
    return ProcessSet(number, runs, {}, 1.0, None, 0.0)


@pytest.fixture
def source(tmp_path):
    made = run(
        tmp_path,
        scores("dense", accuracy=right(6)),
        scores("pruned", accuracy=right(6, [1])),
        scores("other", accuracy=right(6, [2])),
        examples=facts(6),
    )
    for number, labels in ((0, ("dense", "pruned", "other")), (1, ("dense", "pruned")), (1000, ("dense", "pruned"))):
        made.folder.save_set(0, a_set(number, *labels))
    return made


def digest_of(source, names):
    return hashlib.sha256(b"".join((source.folder.path / name).read_bytes() for name in names)).hexdigest()


def test_of_what_is_timed_all_sets_are_named_and_those_counted_that_hold_the_variants(source):
    (group,) = source.record.groups
    found = timed_sample(source, group, ["dense", "pruned"])
    assert found.files == tuple(f"samples/g00-set{n}.npz" for n in ("000", "001", "1000"))
    assert (found.count, found.units, found.run) == (3, "process sets", "")
    assert found.sha256 == digest_of(source, found.files)
    fewer = timed_sample(source, group, ["dense", "other"], run="20260101T000000Z-x-aaaaaa")
    assert (fewer.count, fewer.sha256, fewer.run) == (1, found.sha256, "20260101T000000Z-x-aaaaaa")


def test_of_quality_the_scores_are_named_in_the_order_of_the_variants_and_what_is_known_of_the_examples(source):
    found = scored_sample(source, ["pruned", "dense"], "cpu")
    assert found.files == ("quality/v01-h00.npz", "quality/v00-h00.npz", "quality/examples.npz")
    assert (found.count, found.units) == (6, "examples")
    assert found.sha256 == digest_of(source, found.files)
    assert scored_sample(source, ["dense", "pruned"], "cpu").sha256 != found.sha256


def test_another_byte_is_another_digest_and_other_files_are_not_looked_at(source):
    before = scored_sample(source, ["pruned", "dense"], "cpu").sha256
    source.folder.save_scores(2, 0, scores("other", accuracy=right(6)))
    source.folder.save_labels({1: "one"})
    assert scored_sample(source, ["pruned", "dense"], "cpu").sha256 == before
    source.folder.save_scores(1, 0, scores("pruned", accuracy=right(6)))
    assert scored_sample(source, ["pruned", "dense"], "cpu").sha256 != before


def test_without_a_folder_no_file_is_named(source):
    alone = Source(source.record, source.suite)
    assert timed_sample(alone, alone.record.groups[0], ["dense"]).files == ()
    assert (found := scored_sample(alone, ["dense"], "cpu")).files == ()
    assert found.sha256 == ""
