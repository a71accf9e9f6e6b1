"""Calibration data: the user's file, or examples of the task's data that are not scored; and nothing in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xbench.datasets.digits import digits
from xbench.errors import InputError
from xbench.quality.calibration import calibration_data, held_out
from xbench.quality.docstrings import docstring_pairs
from xbench.quality.opening import make_task
from xbench.suite.loading import LoadedSuite
from xbench.suite.model import Suite

DIGITS = {"task": "classification", "dataset": "digits", "input": "image"}


def loaded(folder, *, shape=("batch", 1, 8, 8), calibration=None, evaluate=None, model=None):
    suite = Suite(
        schema="xbench.suite/1",
        name="s",
        model=model or {"factory": "a:b", "inputs": {"image": {"shape": list(shape)}}},
        variants=[{"name": "dense", "baseline": True}],
        calibration=calibration or {},
        evaluate=evaluate,
    )
    return LoadedSuite(suite, folder, "")


def with_file(folder, calibration=None, **arrays):
    np.savez(folder / "c.npz", **arrays)
    return loaded(folder, calibration={"file": "c.npz", **(calibration or {})})


def test_digits_that_are_not_scored(tmp_path):
    pytest.importorskip("sklearn", reason="the digits data need scikit-learn")
    suite = loaded(tmp_path, evaluate=DIGITS, calibration={"samples": 20, "batch": 8})
    task = make_task(suite.suite.evaluate, tmp_path, None, False)
    found = calibration_data(suite, task)
    assert [len(batch["image"]) for batch in found.batches] == [8, 8, 4]
    images = np.concatenate([batch["image"] for batch in found.batches])
    scored = {image.tobytes() for image in digits()[2]}
    training = {image.tobytes() for image in digits()[0]}
    assert all(image.tobytes() in training for image in images)
    assert scored.isdisjoint({image.tobytes() for image in images} - training)
    assert len({image.tobytes() for image in images}) == 20
    assert "20 training examples" in found.source
    assert found.sha256 == calibration_data(suite, make_task(suite.suite.evaluate, tmp_path, None, False)).sha256


def test_docstrings_that_are_not_scored():
    pairs = docstring_pairs()
    assert len(pairs.queries) == 275
    assert len(pairs.unscored) > 64
    assert set(pairs.unscored).isdisjoint({*pairs.queries, *pairs.documents})


def test_a_users_file(tmp_path):
    images = np.random.default_rng(0).normal(size=(11, 1, 8, 8)).astype(np.float32)
    found = calibration_data(with_file(tmp_path, {"samples": 10, "batch": 4}, image=images), None)
    np.testing.assert_array_equal(np.concatenate([b["image"] for b in found.batches]), images[:10])
    assert [len(batch["image"]) for batch in found.batches] == [4, 4, 2]
    assert found.source == "the first 10 of 11 samples in c.npz"
    other = calibration_data(with_file(tmp_path, {"samples": 10, "batch": 4}, image=images + 1), None)
    assert other.sha256 != found.sha256


def test_a_model_of_a_fixed_size_gets_whole_batches(tmp_path):
    np.savez(tmp_path / "c.npz", image=np.zeros((7, 1, 8, 8), np.float32))
    suite = loaded(tmp_path, shape=(3, 1, 8, 8), calibration={"file": "c.npz"})
    assert [len(batch["image"]) for batch in calibration_data(suite, None).batches] == [3, 3]


def test_without_data_it_is_said_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"no key evaluate[\s\S]*calibration: \{file:"):
        calibration_data(loaded(tmp_path), None)


GOOD = np.zeros((4, 1, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"picture": GOOD}, "it has no 'image'"),
        ({"image": GOOD.astype(np.float64)}, "float64, the model wants float32"),
        ({"image": np.full_like(GOOD, np.nan)}, "NaN or infinity"),
        ({"image": GOOD[:0]}, "no samples"),
        ({"image": GOOD[:, :, :4]}, "axis 2 is 4"),
        ({"image": np.float32(1)}, "rank 0"),
        ({"image": np.array([{"a": 1}], dtype=object)}, "Python objects, which are never loaded"),
    ],
)
def test_bad_files(tmp_path, arrays, told):
    with pytest.raises(InputError, match=told):
        calibration_data(with_file(tmp_path, **arrays), None)


def test_inputs_of_uneven_length(tmp_path):
    np.savez(tmp_path / "c.npz", a=np.zeros((4, 2), np.float32), b=np.zeros((3, 2), np.float32))
    inputs = {name: {"shape": ["batch", 2]} for name in "ab"}
    suite = loaded(tmp_path, calibration={"file": "c.npz"}, model={"factory": "a:b", "inputs": inputs})
    with pytest.raises(InputError, match="differ in length: a 4, b 3"):
        calibration_data(suite, None)


def test_files_that_are_none(tmp_path):
    (tmp_path / "c.npz").write_bytes(b"no zip")
    for name, told in (("c.npz", "not an .npz"), ("gone.npz", "no such file")):
        with pytest.raises(InputError, match=told):
            calibration_data(loaded(tmp_path, calibration={"file": name}), None)


def test_a_transformers_folder_takes_what_texts_have(tmp_path):
    ids = np.ones((5, 7), np.int64)
    np.savez(tmp_path / "c.npz", input_ids=ids, attention_mask=ids)
    suite = loaded(tmp_path, model={"transformers": str(Path("m"))}, calibration={"file": "c.npz"})
    (batch,) = calibration_data(suite, None).batches
    assert sorted(batch) == ["attention_mask", "input_ids"]


def test_what_is_held_out_is_other_data_one_sample_at_a_time(tmp_path):
    images = np.random.default_rng(0).normal(size=(80, 1, 8, 8)).astype(np.float32)
    others = held_out(with_file(tmp_path, image=images), None)
    np.testing.assert_array_equal(np.concatenate([one["image"] for one in others]), images[64:72])
    assert held_out(loaded(tmp_path), None) == ()
