"""PyTorch itself, eager or compiled: the reference that people know."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from xbench.errors import InvalidError
from xbench.machine.cpus import thread_count
from xbench.protocols import Feeds, Outputs, ProfileReport
from xbench.records.measurement import CacheUse, Placement
from xbench.records.profile import Availability, HardwareProfile
from xbench.sources.quiet import one_line

from .option_checks import require_precision, typed_options
from .torch_cache import cache_use, forget_use, own_cache
from .torch_gpu import fitting, waited_for
from .torch_options import TorchOptions, find_torch
from .torch_profile import profile_calls, time_whole
from .torch_program import Program, load_program, verified_copy

if TYPE_CHECKING:
    import torch

# Read by OpenMP when torch is imported: threads that wait must sleep, or they slow the worker that is timed
# (rule 4 of the design). And inductor is to compile in this very process, not in helpers that stay behind.
_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}


class TorchRunner:
    """Runs a kept PyTorch program (`torch.export`), made of the very module that the ONNX file was made of.

    Eager, it calls the operators of ATen one after the other; compiled, `torch.compile` makes one graph of them,
    at the first inference, whose time is that of compiling. `path` is the program's file, named by its digest.
    """

    needs_module = True
    simulated = False
    options_type = TorchOptions
    wait_until = None
    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        self.path = path
        self.label = label
        self.profile = profile
        self.options = self.check_options(profile)
        self.device_index = self.options.device_index if self.options.device == "cuda" else None
        self._copy: BinaryIO | None = None
        self._program: Program | None = None
        self._forward: Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]] | None = None
        self._session = ExitStack()
        self._allowed = sorted(os.sched_getaffinity(0))

    @classmethod
    def check_options(cls, profile: HardwareProfile) -> TorchOptions:
        """The profile's options, typed. Raises InputError that names the option."""
        options = typed_options(profile, cls.options_type)
        require_precision(profile, options.precision)
        return options

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """PyTorch, a GPU's driver where one is asked for, a C++ compiler where it is to compile."""
        return find_torch(cls.check_options(profile))

    @classmethod
    def warm_import(cls) -> None:
        """Import torch and what loads programs; before that, tell OpenMP that waiting threads sleep."""
        os.environ.update(_ENVIRONMENT)
        import torch.export.pt2_archive

        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)

    def __enter__(self) -> Self:
        if self.options.compiled:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(own_cache(self.path.stem))
        self._copy = verified_copy(self.path)
        return self

    def __exit__(self, *exc: object) -> None:
        self._let_go()
        if self._copy is not None:
            self._copy.close()

    def close(self) -> None:
        """Let go of the program and of compiled code, and read the file anew for the next session."""
        self._let_go()
        if self._copy is not None:
            self._copy.close()
        self._copy = verified_copy(self.path)

    def _let_go(self) -> None:
        if self._forward is not None and self.options.compiled:
            import torch

            torch.compiler.reset()
        self._forward = self._program = None
        self._session.close()
        os.sched_setaffinity(0, self._allowed)

    def cache_use(self) -> CacheUse:
        """Whether graphs were compiled since the session was created, or taken from inductor's cache: by its count.

        None before the first inference, which is when torch compiles.
        """
        return cache_use() if self.options.compiled else CacheUse()

    def load(self) -> None:
        """Load the program: the file was read and verified before, so that this is PyTorch's time alone."""
        import torch

        self._set_up()
        if self.options.compiled:
            forget_use()
        assert self._copy is not None  # noqa: S101 - entered, or closed, before
        with self._copy as copy:
            program = load_program(copy)
        with fitting(self.device_index, self.label):
            module = program.module.to(self._device())
        self._session.enter_context(torch.inference_mode())
        self._program = program
        self._forward = (
            torch.compile(module, fullgraph=True, mode=self.options.mode) if self.options.compiled else module
        )

    def _set_up(self) -> None:
        import torch

        threads = thread_count(self.profile.threads)
        if self.options.affinity and threads <= len(self._allowed):
            # Before there are threads: those of OpenMP inherit it.
            os.sched_setaffinity(0, self._allowed[:threads])
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high" if self.options.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.options.tf32
        if self.options.device == "cuda" and not torch.cuda.is_available():
            raise InvalidError(
                f"{self.profile.name} asks for a GPU, and torch {torch.__version__} sees none",
                "it would have run on the CPU",
                "install a torch that is built for this machine's CUDA",
            )

    def _device(self) -> str:
        return "cpu" if self.device_index is None else f"cuda:{self.device_index}"

    def _tensors(self, feeds: Feeds) -> tuple[torch.Tensor, ...]:
        """The inputs in the program's order; on the CPU they share the memory of the arrays."""
        import torch

        assert self._program is not None  # noqa: S101 - only called between load and close
        return tuple(torch.from_numpy(feeds[name]).to(self._device()) for name in self._program.inputs)

    def bind(self, feeds: Feeds) -> Callable[[], object]:
        """One forward call on tensors that are there already; on a GPU until the device is done.

        From here on a graph that was compiled is not compiled again: it would be among the times.
        """
        self._let_recompile(False)
        return self._call(feeds)

    def _call(self, feeds: Feeds) -> Callable[[], object]:
        assert self._forward is not None  # noqa: S101 - only called between load and close
        call = functools.partial(self._forward, self._tensors(feeds))
        return call if self.device_index is None else waited_for(call, self.device_index, self.label)

    def _let_recompile(self, allowed: bool) -> None:
        if self.options.compiled:
            import torch._dynamo

            torch._dynamo.config.error_on_recompile = not allowed

    def infer(self, feeds: Feeds) -> Outputs:
        """One inference, its outputs by the names that they have in the ONNX file."""
        self._let_recompile(True)
        assert self._forward is not None  # noqa: S101 - only called between load and close
        assert self._program is not None  # noqa: S101
        try:
            found = self._forward(self._tensors(feeds))
        except Exception as error:
            raise InvalidError("The PyTorch program does not run on these inputs", one_line(error)) from error
        return {name: tensor.cpu().numpy() for name, tensor in zip(self._program.outputs, found, strict=True)}

    def placement(self) -> Placement:
        """All operators of the program, which PyTorch alone runs."""
        assert self._program is not None  # noqa: S101 - only called between load and close
        nodes = sum(node.op == "call_function" for node in self._program.module.graph.nodes)
        provider = self.options.provider
        return Placement(asked=provider, providers=(provider,), nodes={provider: nodes})

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """Times by operator of ATen from PyTorch's profiler; on a GPU the time of the whole call."""
        profiled = profile_calls if self.device_index is None else time_whole
        return profiled(self._call(feeds), self.clock, self.options.provider)
