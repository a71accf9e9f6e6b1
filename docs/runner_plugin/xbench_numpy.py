"""A runner for xbench: ONNX's own reference evaluator, which computes with NumPy. Slow, and nobody's fallback."""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xbench.errors import InputError, InvalidError
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import CacheUse, Placement
from xbench.records.profile import Availability, HardwareProfile

PROVIDER = "NumpyReference"


class NumpyOptions(BaseModel):
    """Options of the runner `numpy`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_nodes: int = Field(default=1000, ge=1, description="Refuse a larger graph: each node is a call of Python.")


class NumpyRunner:
    """Runs one ONNX file in `onnx.reference.ReferenceEvaluator`."""

    options_type = NumpyOptions
    simulated = False
    wait_until = None
    device_index: int | None = None
    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        self.path = path
        self.label = label
        self.options = self.check_options(profile)
        self._evaluator: Any = None

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> NumpyOptions:
        """The profile's options, typed. Raises InputError where the runner cannot do what the profile says."""
        try:
            options = NumpyOptions.model_validate(profile.options)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise InputError(f"Profile {profile.name!r} has options that cannot be used", told) from error
        if profile.precision != "fp32" or profile.threads != "all":
            raise InputError(
                f"Profile {profile.name!r} asks for {profile.precision} on {profile.threads} threads",
                "NumPy computes in the file's own type, and has its own threads",
                "write precision: fp32 and threads: all",
            )
        return options

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Whether onnx is installed, without importing it."""
        cls.check_options(profile)
        if importlib.util.find_spec("onnx") is None:
            return Availability(available=False, reason="onnx is not installed", remedy="pip install onnx")
        return Availability(available=True)

    @classmethod
    def warm_import(cls) -> None:
        """Import the library, so that its memory and time are not counted as the model's."""
        import onnx.reference  # noqa: F401

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def load(self) -> None:
        """Read the file. Raises InvalidError for a graph that is too large."""
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(str(self.path))
        nodes = len(evaluator.nodes_)
        if nodes > self.options.max_nodes:
            raise InvalidError(f"{self.label} has {nodes} nodes", f"max_nodes is {self.options.max_nodes}")
        self._evaluator = evaluator

    def close(self) -> None:
        """Let go of the model."""
        self._evaluator = None

    def cache_use(self) -> CacheUse:
        """Nothing is built, so nothing is kept."""
        return CacheUse()

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """The call that is timed: one inference, with nothing around it."""
        return functools.partial(self._evaluator.run, None, dict(feeds))

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference, its outputs by name."""
        values = self._evaluator.run(None, dict(feeds))
        return dict(zip(self._evaluator.output_names, values, strict=True))

    def placement(self) -> Placement:
        """All nodes are NumPy's: the evaluator raises for one that it does not have."""
        nodes = {PROVIDER: len(self._evaluator.nodes_)}
        return Placement(asked=PROVIDER, providers=(PROVIDER,), nodes=nodes)

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """The time of one inference; there is no profiler that tells nodes apart."""
        if self._evaluator is None:
            self.load()
        self.infer(feeds)
        start = self.clock()
        self.infer(feeds)
        return ProfileReport(provider_ns={PROVIDER: self.clock() - start}, output_shapes={})
