"""The TensorRT provider of ONNX Runtime. Has never run on a device yet: only what needs none is tested."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from xbench.errors import InputError, InvalidError
from xbench.protocols import Feeds, ProfileReport
from xbench.records.measurement import CacheUse
from xbench.records.profile import Availability, HardwareProfile

from .cuda import CudaRunner
from .device_binding import BoundCall, Device, Shapes
from .engine_cache import EngineCache, engine_key
from .nvidia import NvidiaRunner
from .ort_install import find_runtime
from .ort_options import OrtOptions
from .tensorrt_options import TensorRtOptions, cache_options, unknown_names
from .tensorrt_versions import model_digest, versions


class TensorRtRunner(NvidiaRunner):
    """`TensorrtExecutionProvider`, then CUDA, then the CPU. An engine is built when a session is created first.

    Engines are kept in `$XDG_CACHE_HOME/xbench/engines` (`~/.cache/xbench/engines`), by model, options, GPU, driver
    and versions. Nothing there is removed by xbench: to clear it, remove the folder.
    """

    provider = "TensorrtExecutionProvider"
    library = "libonnxruntime_providers_tensorrt.so"
    options_type = TensorRtOptions
    homes = frozenset({provider, CudaRunner.provider})
    options: TensorRtOptions
    wants_shapes: ClassVar[bool] = True

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        super().__init__(path, label, profile)
        self._cache: EngineCache | None = None
        self._slot: int | None = None
        self._folder: Path | None = None
        self._use = CacheUse()

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        # No option of the provider switches TF32 off: for fp32 the environment does; see `settle_tf32`.
        return ("tf32", "fp32") if options.precision == "tf32" else (options.precision,)

    @classmethod
    def warm_import(cls) -> None:
        """As for CUDA; and load TensorRT's libraries where they came as a Python package."""
        super().warm_import()
        if importlib.util.find_spec("tensorrt_libs") is not None:
            importlib.import_module("tensorrt_libs")

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """As for CUDA; and the options are ones that the installed provider knows. Raises InputError if not."""
        cls.check_options(profile)
        runtime = find_runtime()
        library = None if runtime is None else runtime.libraries / cls.library
        if library is not None and library.is_file():
            require_known_options(library, profile)
        return super().probe(profile)

    @classmethod
    def quantises(cls, profile: HardwareProfile) -> bool:
        """With a calibration table, TensorRT makes integers of a file of floats."""
        return bool(profile.options.get("trt_int8_calibration_table_name"))

    def __enter__(self) -> Self:
        super().__enter__()
        runtime = find_runtime()
        if runtime is not None and (runtime.libraries / self.library).is_file():
            key = engine_key(self._key(runtime.libraries / self.library))
            self._cache = EngineCache(key, self.options.builds)
        return self

    def _key(self, library: Path) -> dict[str, Any]:
        """All that an engine depends on."""
        return {
            "model": model_digest(self.path),
            "options": self.options.model_dump(mode="json", exclude={"builds"}),
            "precision": self.profile.precision,
            "calibration": self._calibration(),
            "versions": versions(library, self.options.device_id),
        }

    def _calibration(self) -> str:
        """What the calibration table holds; empty where there is none."""
        name = self.options.trt_int8_calibration_table_name
        if not name:
            return ""
        if not Path(name).is_file():
            raise InputError(f"The calibration table {name!r} was asked for", "there is no such file")
        return Path(name).read_bytes().hex()

    def load(self) -> None:
        """Create the session from a build of the engine; the same one again after the first time."""
        if self._cache is None:
            super().load()  # the provider is not here: creating the session tells what is missing
            return
        with self._cache.slot(self._slot) as slot:
            self._slot = slot.number
            _, self._use = slot.create(self._load_from)
        self._require_precision(slot.folder)

    def _load_from(self, folder: Path) -> None:
        self._folder = folder
        if self.options.trt_int8_calibration_table_name:
            shutil.copy(self.options.trt_int8_calibration_table_name, folder)
        super().load()

    def _require_precision(self, folder: Path) -> None:
        """The provider names the precision in the engine's file, and takes it out where the GPU has it not."""
        names = [file.name for file in folder.rglob("*.engine")]
        for precision in ("fp16", "bf16", "int8"):
            asked = getattr(self.options, f"trt_{precision}_enable")
            without = [name for name in names if f"_{precision}" not in name]
            if asked and without:
                raise InvalidError(
                    f"TensorRT was to compute {self.label} in {precision}",
                    f"and it built {without[0]}: this GPU does not have it",
                    "use a profile of a precision that the GPU has",
                )

    def cache_use(self) -> CacheUse:
        """What the last session did with the engines on disk."""
        return self._use

    def _own_options(self, options: Any) -> dict[str, str]:
        own = super()._own_options(options)
        return own if self._folder is None else own | cache_options(self.options, self._folder)

    def _providers(self, options: Any) -> dict[str, Any]:
        """TensorRT, then CUDA for what it lacks (in the same arithmetic), then the CPU."""
        given = super()._providers(options)
        tf32 = "0" if self.profile.precision == "fp32" else "1"
        cuda = {"device_id": str(self.options.device_id), "use_tf32": tf32}
        if self._stream is not None:
            cuda["user_compute_stream"] = str(self._stream.cuda_stream)
        given["providers"].insert(1, (CudaRunner.provider, cuda))
        return given

    def _bound(self, feeds: Feeds) -> BoundCall:
        """With a graph all calls are one: this provider keeps a single graph, on the buffers it was captured with."""
        if not self.options.captures:
            return super()._bound(feeds)
        kept = next(iter(self._captured.values()), None)
        if kept is None:
            kept = self._captured[()] = self._new_call(self._session, feeds)
        return kept

    def _new_call(self, session: Any, feeds: Feeds) -> BoundCall:
        if not self.options.captures:
            return super()._new_call(session, feeds)
        device = Device(self.buffers, self.options.device_id)
        return BoundCall(session, feeds, device, outputs=self._output_shapes(session))

    def _call_for(self, feeds: Feeds) -> BoundCall:
        call = self._bound(feeds)
        if self.options.captures:
            call.feed(feeds)
        return call

    def _output_shapes(self, session: Any) -> Shapes:
        """What the outputs will be, since the first run captures already. Raises InvalidError where it is open."""
        shapes = {}
        for output in session.get_outputs():
            if not all(isinstance(size, int) for size in output.shape):
                raise InvalidError(
                    f"A CUDA graph of {self.label} was asked for",
                    f"the shape of its output {output.name!r} is open in the file",
                    "export the model with fixed shapes, or leave out trt_cuda_graph_enable",
                )
            shapes[output.name] = tuple(output.shape), _dtype(output.type)
        return shapes

    def profile_run(self, feeds: Feeds, *, optimised: bool) -> ProfileReport:
        """As for CUDA. The session that is not optimised has another graph, and no engines on disk."""
        folder = self._folder
        try:
            self._folder = folder if optimised else None
            return super().profile_run(feeds, optimised=optimised)
        finally:
            self._folder = folder


def _dtype(told: str) -> np.dtype[Any]:
    """NumPy's dtype of ONNX Runtime's name of a tensor, such as `tensor(float)`."""
    name = told.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(name, name))


def require_known_options(library: Path, profile: HardwareProfile) -> None:
    """Raise InputError for an option that the installed provider does not have, before anything is built.

    The names are texts in the provider's library; one that is missing there is not known to it.
    """
    options = TensorRtRunner.check_options(profile)
    assert isinstance(options, TensorRtOptions)  # noqa: S101 - check_options gives the runner's own type
    given = {*options.provider_options(), *cache_options(options, Path("/"))}
    unknown = unknown_names(library, sorted(given - {"device_id"}))
    if unknown:
        raise InputError(
            f"Profile {profile.name!r} uses options that the installed TensorRT provider does not know",
            ", ".join(unknown),
            "leave them out, or install a version of onnxruntime-gpu that has them",
        )
