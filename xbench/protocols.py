"""What an exporter and a runner are. The core knows these shapes and imports no plug-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .records.measurement import CacheUse, NodeTime, OperatorTime, Placement
from .records.profile import Availability, HardwareProfile

if TYPE_CHECKING:
    import torch

Feeds = Mapping[str, NDArray[Any]]
"""Inputs by name."""

Outputs = dict[str, NDArray[Any]]
"""Outputs by name; a sequence or map output comes as one entry for each of its arrays."""


Rows = Mapping[str, NDArray[Any]]
"""Some examples, column by column: the first axis of each array is the examples.

Text, lists of unequal length, and columns with missing values are object arrays; a missing value is None.
"""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Real inputs without labels, batch by batch, by the names of the inputs.

    `source` tells in words where they come from, and that they are scored too where that is so. `sha256` is the
    digest of their bytes.
    """

    batches: tuple[Feeds, ...]
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """What profiled runs tell. `provider_ns`: kernel time by provider in one run. `output_shapes`: by node key.

    A node's key is its name, or `OP_INDEX` (its operator and its place in the file, see `onnxfile.walk.run_keys`)
    where it has none; nodes of subgraphs have none. `operators` come from the same runs, the longest first; empty
    where the runner cannot tell what a single operator takes, as where it does not wait for the device after each of
    them. `notes` are told beside the figures, in words that need no name of the model: what the runs prove of the
    precision, say.

    `nodes` are the same times node by node, the longest first, of the graph as the runtime optimised it; empty where
    `operators` are. `origins` tell, by their names, what in the file they were made of: names of the file's nodes or
    values, all that the runtime tells of a node that multiplies matrices. A node that is not there has none.
    """

    provider_ns: dict[str, int]
    output_shapes: dict[str, list[list[int]]]
    operators: tuple[OperatorTime, ...] = ()
    notes: tuple[str, ...] = ()
    nodes: tuple[NodeTime, ...] = ()
    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Exporter(Protocol):
    """Writes a module as an ONNX file."""

    def export(
        self,
        module: torch.nn.Module,
        example_inputs: dict[str, torch.Tensor],
        dynamic_axes: dict[str, dict[int, str]],
        path: Path,
        opset: int | None = None,
    ) -> None:
        """Write `path`. Inputs keep the keys of `example_inputs` as names; raise InvalidError on failure."""


class Converter(Protocol):
    """Writes an ONNX file again in another precision."""

    def convert(self, source: Path, target: Path, calibration: Calibration | None) -> tuple[str, ...]:
        """Write `target`, with the inputs and outputs of `source`, and give notes on what was done.

        `calibration` is None where there are no real inputs. Raises InputError where they are needed, or the file
        is not one of 32-bit floats; InvalidError where converting fails; UnavailableError without its library.
        """


class Metric(Protocol):
    """One figure of quality: a score for each example, and the value that many scores make.

    Made by `Metric()`; third parties add theirs by the entry point `xbench.metrics` (docs/metrics.md), where the
    names and shapes of answers and targets are told for each task.
    """

    @property
    def name(self) -> str: ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is for, as suites name them; `plugin` is the one that gives the model's own outputs."""

    @property
    def better(self) -> Literal["higher", "lower"]: ...

    @property
    def span(self) -> float | None:
        """The largest change that one example can make to its own score, 1 for shares, where the value is the mean
        of the scores; `math.inf` where such a mean has no bound; None where the value is another function of them."""

    def scores(self, answers: Rows, targets: Rows) -> NDArray[np.float64]:
        """Float64, (examples,) where the value is the mean of them, else (examples, k).

        Called with some examples at a time, the same k each time. An exception, or NaN, is an error of the examples
        that it comes from: they are tried one by one, counted and listed.
        """

    def value(self, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """The metric of examples with these scores, (examples, ...), each counted `weights` times, (examples,).

        Raises ValueError where it is not defined, as where all of one class is missing.
        """


class Runner(Protocol):
    """A context manager that runs one artifact on one execution provider, inside a worker process.

    Made by `Runner(path, label, profile)`; entering it creates no session yet, so that loading can be timed.
    `path` is the ONNX file. A class with the attribute `needs_module = True` is given the PyTorch program instead
    that is kept beside it (docs/decisions/0008-torch-reference.md).

    One whose runtime can write down the graph that it made of the file has `write_optimised(path) -> str`: it writes
    that, or returns why it cannot be had. Then zeros are followed into it (docs/sparsity-audit.md).
    """

    simulated: bool
    """True where nothing is computed, so that outputs mean nothing and results are labelled as simulated."""

    wait_until: Callable[[int], int] | None
    """Moves a scripted clock on to a time (ns), and gives the CPU time spent (ns); None: time passes by itself."""

    device_index: int | None
    """Which GPU it runs on; None where it computes in the machine's own memory."""

    clock: Callable[[], int]
    """Nanoseconds; `time.perf_counter_ns`, unless a runner for tests scripts its time."""

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None: ...

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Whether the target can be here, found without importing its library."""

    @classmethod
    def warm_import(cls) -> None:
        """Import the libraries, so that their memory and time are not counted as the model's."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def load(self) -> None:
        """Create the session. Raise InvalidError where another provider than the one asked for took it."""

    def close(self) -> None:
        """Let go of the session, so that another can be created in this process."""

    def cache_use(self) -> CacheUse:
        """What the last `load` did with a cache of built engines, and what proves it."""

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """The call that is timed: one inference, with nothing around it."""

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference, its outputs as arrays."""

    def placement(self) -> Placement:
        """Which provider holds which nodes, as the session reports it."""

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """Runs in a session of its own with the profiler on; never timed ones.

        At most five of a slow model, and about half a second of a quick one. Raises InvalidError where they show
        another precision than the profile's.
        """


FINITE_KINDS = "fc"
"""NumPy's kinds of dtype that can hold NaN or infinity."""


def all_finite(array: NDArray[Any]) -> bool:
    """Whether an array holds no NaN and no infinity; True for arrays that cannot hold any."""
    if array.dtype.kind == "V" or array.dtype.name.startswith(("bfloat16", "float8")):
        array = array.astype(np.float32)
    return array.dtype.kind not in FINITE_KINDS or bool(np.isfinite(array).all())
