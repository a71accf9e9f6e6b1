"""What every session of ONNX Runtime can be told, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from xbench.errors import InvalidError


class OrtOptions(BaseModel):
    """Options that every provider has. A provider's runner adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    affinity: bool = Field(
        default=True, description="Pin each thread to a CPU of its own: a wandering thread is another speed."
    )
    arena: bool = Field(default=True, description="Memory arena of the CPU provider; moves the peak by a quarter.")
    memory_pattern: bool = Field(
        default=True,
        description="Lay out the memory of all operators once for each shape of the inputs. DirectML wants it off.",
    )
    optimisation: Literal["none", "basic", "extended", "all"] = Field(
        default="all", description="Level of ONNX Runtime's graph optimisations."
    )
    denormals_as_zero: bool = Field(
        default=False,
        description="Take denormal numbers for zero on the CPU (`session.set_denormal_as_zero`): they can make a "
        "model many times slower. It holds for all sessions of a process, or for none.",
    )
    spinning: bool = Field(
        default=False,
        description="Let threads spin while they wait for each other within an inference, as ONNX Runtime does by "
        "default: quicker where operators are short, and slows whoever else is there.",
    )

    @property
    def precision(self) -> str:
        """What a session with these options computes in; a profile that names another is refused."""
        return "fp32"

    def provider_options(self) -> dict[str, str]:
        """What is handed to the provider itself, by its own names."""
        return {}


def session_options(chosen: OrtOptions, threads: int, cpus: Sequence[int], *, optimised: bool) -> Any:
    """ONNX Runtime's own `SessionOptions`. `cpus`: one for each thread, the calling one first; empty: not pinned.

    The names of the entries are those of `onnxruntime_session_options_config_keys.h`.
    """
    import onnxruntime as ort

    level = chosen.optimisation if optimised else "none"
    levels = {
        "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
        "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }
    spinning = "1" if chosen.spinning else "0"
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if cpus[1:]:
        # ONNX Runtime counts CPUs from 1, and leaves the calling thread to the caller.
        pins = ";".join(str(cpu + 1) for cpu in cpus[1:])
        options.add_session_config_entry("session.intra_op_thread_affinities", pins)
    options.graph_optimization_level = levels[level]
    options.enable_cpu_mem_arena = chosen.arena
    options.enable_mem_pattern = chosen.memory_pattern
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    options.add_session_config_entry("session.inter_op.allow_spinning", spinning)
    # Not after the last inference: the next worker would be slowed by this one's threads.
    options.add_session_config_entry("session.force_spinning_stop", spinning)
    options.add_session_config_entry("session.set_denormal_as_zero", "1" if chosen.denormals_as_zero else "0")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


class DenormalsOfTheProcess:
    """How the calling thread treats denormals: ONNX Runtime sets that with the first session of a process only.

    Each session's own threads follow the session, so that a second session with another setting would compute
    half this way and half the other. A worker holds one configuration, and all its sessions, the profiled one
    and one that is created again too, ask for the same: this keeps it so.
    """

    def __init__(self) -> None:
        self._as_zero: bool | None = None

    def agree(self, as_zero: bool) -> None:
        """Ask for it before a session is created. Raises InvalidError where the process began otherwise."""
        if self._as_zero is None:
            self._as_zero = as_zero
        if self._as_zero != as_zero:
            raise InvalidError(
                f"denormals_as_zero: {str(as_zero).lower()} cannot be had in this process",
                f"its first session was created with {str(self._as_zero).lower()}, which holds for its main thread",
                "create the sessions in processes of their own",
            )
