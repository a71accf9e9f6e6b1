"""The CPU provider of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from xbench.protocols import ProfileReport

from .ort_options import OrtOptions
from .ort_precision import prove_input_type, prove_integer
from .ort_profile import Event
from .ort_session import OrtSessionRunner


class CpuOptions(OrtOptions):
    """Options of `CPUExecutionProvider`. The precision is the file's: fp32, or int8 or bf16 where it holds that."""

    avoid_saturation: bool = Field(
        default=False,
        description="On x86 without VNNI, multiply U8U8 where the file says U8S8, whose intermediate sums of 16 bits "
        "saturate (`session.x64quantprecision`): slower. Elsewhere, and without optimisations, it does nothing.",
    )


class CpuRunner(OrtSessionRunner):
    """`CPUExecutionProvider`: it multiplies zeros like any number. int8 and bf16 are proven by what ran."""

    options_type = CpuOptions
    options: CpuOptions

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        return ("fp32", "int8", "bf16")

    def _session_options(self, *, optimised: bool) -> Any:
        options = super()._session_options(optimised=optimised)
        options.add_session_config_entry("session.x64quantprecision", "1" if self.options.avoid_saturation else "0")
        return options

    def _prove_precision(self, report: ProfileReport, events: Sequence[Event]) -> tuple[str, ...]:
        if self.profile.precision == "int8":
            return (prove_integer(report.operators, self.label),)
        if self.profile.precision == "bf16":
            prove_input_type(events, "bfloat16", "bf16", self.label)
        return ()
