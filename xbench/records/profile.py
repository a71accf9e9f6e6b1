"""Hardware profiles: a deployment target as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from .base import Record

Precision = Literal["fp32", "tf32", "fp16", "bf16", "int8"]


class Requirements(Record):
    """What a machine must be for the profile to speak of it. Empty: any machine."""

    architectures: tuple[str, ...] = Field(default=(), description="Names as `uname -m` gives them.")
    systems: tuple[str, ...] = Field(default=(), description="Names as `uname -s` gives them, in lower case.")
    cpu_vendors: tuple[str, ...] = Field(
        default=(),
        description="Names as /proc/cpuinfo gives them under vendor_id, such as GenuineIntel; on ARM, where it gives "
        "a code, as `lscpu` does, such as ARM.",
    )
    cpu_flags: tuple[str, ...] = Field(default=(), description="CPU features, as /proc/cpuinfo names them.")
    cpu_flags_absent: tuple[str, ...] = Field(
        default=(),
        description="CPU features that it must not have: with them the runtime takes other kernels, and the figures "
        "are another target's.",
    )
    gpus: tuple[str, ...] = Field(
        default=(),
        description="Names of NVIDIA GPUs, such as H100 or A100 PCIe: one must fit, all its words standing in the "
        "name that the driver tells.",
    )
    compute_capability: str = Field(
        default="", pattern=r"^([0-9]+\.[0-9]+)?$", description="Least CUDA compute capability, such as 8.0."
    )
    driver: str = Field(
        default="", pattern=r"^[0-9.]*$", description="Least version of the NVIDIA driver, such as 580.65."
    )
    libraries: dict[str, str] = Field(
        default={}, description="Versions of Python packages that are needed, such as {onnxruntime: '>=1.26'}."
    )


class PlacementRule(Record):
    """The proof that is asked for: this provider is first and spends at least this share of the time."""

    provider: str = Field(description="ONNX Runtime's name of the execution provider.")
    min_time_share: float = Field(default=0.95, gt=0, le=1, description="Below it a result is invalid.")


class Fact(Record):
    """A figure about a target that was read somewhere, never measured by xbench; `source` says where."""

    value: float = Field(gt=0, description="The figure, in the unit that the key names.")
    source: str = Field(min_length=1, description="Datasheet, specification or page, with its edition or date.")


class Facts(Record):
    """What a target could do at best, for the ideal that a result is set beside. None, or no key: not known."""

    cores: Fact | None = Field(default=None, description="Physical cores of a CPU, or multiprocessors of a GPU.")
    peak_tops: dict[Precision, Fact] = Field(
        default={}, description="Dense peak rate by precision, 10^12 operations/s (a multiply-add counts as two)."
    )
    sparse_peak_tops: dict[Precision, Fact] = Field(
        default={}, description="The same with 2:4 sparse weights, where the hardware skips the zeros."
    )
    width_multiple: dict[Precision, Fact] = Field(
        default={},
        description="By precision, the multiple that kernels like widths (channels, features) to be: what `round_to: "
        "profile` means.",
    )
    memory_gb_per_s: Fact | None = Field(default=None, description="Memory bandwidth, 10^9 bytes/s.")
    memory_gib: Fact | None = Field(default=None, description="Memory of the device.")
    cache_mib: Fact | None = Field(default=None, description="Last level of cache.")
    sparsity: tuple[Literal["2:4", "unstructured"], ...] = Field(
        default=(), description="Patterns of zeros in weights that the hardware itself can skip."
    )

    @field_validator("width_multiple")
    @classmethod
    def _whole_multiples(cls, multiples: dict[Precision, Fact]) -> dict[Precision, Fact]:
        if any(fact.value % 1 for fact in multiples.values()):
            raise ValueError("a multiple of widths is a whole number")
        return multiples


class Emulation(Record):
    """The target's processor is played by qemu-user: its outputs are real, and its times mean nothing."""

    program: str = Field(
        pattern=r"^qemu-[a-z0-9_]+(-static)?$",
        description="The emulator, looked for in PATH, such as qemu-x86_64-static.",
    )
    cpu: str = Field(pattern=r"^[A-Za-z0-9_.,+=-]+$", description="The CPU that is played: qemu's option -cpu.")
    root: str = Field(
        default="",
        description="Environment variable that names a folder with a Python of the target's architecture; empty: "
        "the Python that runs xbench.",
    )


class HardwareProfile(Record):
    """A deployment target: runner, its options, precision, threads, and what the machine must be."""

    schema_: Literal["xbench.profile/1"] = Field(alias="schema", description="Name and version of this format.")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="How it is asked for.")
    title: str = Field(description="One line for people.")
    runner: str = Field(description="Name of the runner plug-in.")
    precision: Precision = Field(
        default="fp32", description="Precision that the target computes in; always named, never guessed."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["all"] = Field(
        default="all", description="Threads of one operator; all: as many CPUs as this process may use."
    )
    options: dict[str, Any] = Field(default={}, description="Options of the runner, which checks them.")
    placement: PlacementRule | None = Field(default=None, description="The placement that must be proven.")
    requires: Requirements = Field(default=Requirements(), description="What the machine must be.")
    facts: Facts = Field(default=Facts(), description="What the target could do at best, each with its source.")
    emulation: Emulation | None = Field(
        default=None, description="The emulator that plays the target; then times are invalid, and quality is not."
    )
    cost_per_hour: float | None = Field(
        default=None, gt=0, description="Price of one hour of the target, in `currency`; none: no cost is told."
    )
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of the price.")
    cost_source: str = Field(default="", description="Whose price that is, for which machine, and when it was read.")
    evidence: str = Field(description="Where this profile has run, or `never run`.")
    auto: bool = Field(default=True, description="Whether `--hardware auto` tries it.")


class Availability(Record):
    """Whether a profile can run here; if not, why, and what would mend it.

    `machine`: it is the machine that is another one, so that `--as-is` could run the profile all the same.
    """

    available: bool
    reason: str = ""
    remedy: str = ""
    machine: bool = False
