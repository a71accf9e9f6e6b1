from __future__ import annotations

import pytest
from pydantic import ValidationError

from xbench.profiles.finding import all_profiles
from xbench.profiles.widths import width_multiple
from xbench.records.profile import Facts

SHIPPED = all_profiles(())


@pytest.mark.parametrize(
    ("names", "multiple"),
    [
        ((), 1),
        (("openvino-f32",), 1),
        (("cuda-fp16",), 8),
        (("h100-tensorrt-int8-sparse", "cuda-fp16-bound"), 16),
        (("cuda-tf32", "cuda-fp32"), 4),
        (("cpu", "t4-cuda-fp16", "openvino-f32"), 16),
        (("cpu-int8",), 1),
    ],
)
def test_the_multiple_suits_all_that_say_one_for_their_precision(names, multiple):
    assert width_multiple(SHIPPED[name] for name in names) == multiple


def test_a_multiple_is_a_whole_number():
    with pytest.raises(ValidationError, match="whole number"):
        Facts.model_validate({"width_multiple": {"fp16": {"value": 2.5, "source": "x"}}})
