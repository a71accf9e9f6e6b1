"""Shapes of the workloads, for runners that build for them."""

from __future__ import annotations

import pytest

from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.records.artifact import Signature, TensorSpec
from xbench.road.shaping import shaped

SIGNATURE = Signature(
    inputs=(
        TensorSpec(name="ids", dtype="int64", shape=("batch", "sequence")),
        TensorSpec(name="scale", dtype="float32", shape=(1,)),
    ),
    outputs=(),
)
SMALL = {"ids": (1, 128), "scale": (1,)}
LARGE = {"ids": (8, 16), "scale": (1,)}


@pytest.fixture
def tensorrt():
    return all_profiles()["tensorrt-fp16"]


def test_the_engine_is_for_all_workloads_and_tuned_for_the_one_that_is_measured(tensorrt):
    told = shaped(tensorrt, SIGNATURE, LARGE, [SMALL, LARGE])
    assert told.options["input_shapes"] == {"ids": {"min": (1, 16), "opt": (8, 16), "max": (8, 128)}}
    assert told.name == tensorrt.name
    assert "input_shapes" not in tensorrt.options, "the record keeps the profile as it was"
    given = runner_class("tensorrt").check_options(told).provider_options()
    assert given["trt_profile_min_shapes"] == "ids:1x16"
    assert given["trt_profile_max_shapes"] == "ids:8x128"


def test_a_file_that_leaves_nothing_open_needs_none(tensorrt):
    fixed = Signature(inputs=SIGNATURE.inputs[1:], outputs=())
    assert shaped(tensorrt, fixed, SMALL, [SMALL, LARGE]) is tensorrt


def test_shapes_that_the_profile_names_are_kept(tensorrt):
    own = tensorrt.model_copy(update={"options": {"input_shapes": {"ids": {"min": [1], "opt": [1], "max": [1]}}}})
    assert shaped(own, SIGNATURE, SMALL, [SMALL]) is own


def test_other_runners_are_not_told():
    cpu = all_profiles()["cpu"]
    assert shaped(cpu, SIGNATURE, SMALL, [SMALL]) is cpu
