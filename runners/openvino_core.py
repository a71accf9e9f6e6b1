"""OpenVINO itself: imported without its telemetry, asked to compile, and fed by name."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from xbench.errors import InvalidError
from xbench.protocols import Feeds, Outputs


def import_openvino() -> Any:
    """The package `openvino`, with nothing sent.

    Its import sends an event ("general_import") to Google Analytics, and writes an identity into the home folder,
    where `openvino_telemetry` is installed and no file of the user's forbids it; no environment variable turns that
    off but those of CI services (openvino/tools/ovc/__init__.py, openvino_telemetry/utils/opt_in_checker.py, of
    2026.4). Without `openvino_telemetry` it takes a stub that sends nothing; None in `sys.modules` stands for a
    package that is not there (docs.python.org, "The import system").
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


@functools.cache
def core() -> Any:
    """One `Core` for the process. While it lives the device's plug-in stays loaded, as a server's does."""
    return import_openvino().Core()


def compile_file(path: Path, device: str, properties: Mapping[str, str]) -> Any:
    """Read and compile a model, with no cache. Raises InvalidError with OpenVINO's reason."""
    try:
        return core().compile_model(os.fspath(path), device, {**properties, "CACHE_DIR": ""})
    except RuntimeError as error:
        raise InvalidError(f"OpenVINO cannot load {path.name}", one_line(error)) from error


@dataclass(frozen=True, slots=True)
class FedRequest:
    """An infer request with its inputs set; calling it is one inference.

    OpenVINO reads the inputs where they lie and does not keep them: `inputs` does.
    """

    made: Any
    inputs: tuple[Any, ...]

    def __call__(self) -> object:
        """The outputs, which lie in memory of the request: valid as long as it is, and until the next call."""
        return self.made.infer(share_outputs=True)

    def checked(self) -> None:
        """The same. Raises InvalidError where the model does not run on what was set."""
        try:
            self()
        except RuntimeError as error:
            raise InvalidError("The model does not run on these inputs", one_line(error)) from error


def request(compiled: Any, feeds: Feeds) -> FedRequest:
    """An infer request with all inputs set, by name, without a copy where the arrays are contiguous.

    Raises InvalidError that names an input which is missing, or not to be had in the type or shape that is fed.
    """
    made = compiled.create_infer_request()
    wanted = {name for port in compiled.inputs for name in port.names}
    missing = [port.any_name for port in compiled.inputs if not port.names & feeds.keys()]
    unknown = sorted(feeds.keys() - wanted)
    if missing or unknown:
        raise InvalidError(
            "The inputs are not those of the model",
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}",
        )
    inputs = []
    for name, array in feeds.items():
        contiguous = np.asarray(array, order="C")
        tensor = _tensor(name, contiguous)
        inputs += [contiguous, tensor]
        try:
            made.set_tensor(name, tensor)
        except RuntimeError as error:
            raise InvalidError(f"OpenVINO cannot take the input {name!r}", one_line(error)) from error
    return FedRequest(made, tuple(inputs))


def _tensor(name: str, array: NDArray[Any]) -> Any:
    openvino = import_openvino()
    if array.dtype == ml_dtypes.bfloat16:
        return openvino.Tensor(array.view(np.uint16), list(array.shape), openvino.Type.bf16)
    if array.dtype.kind not in "biuf":
        raise InvalidError(f"The input {name!r} holds {array.dtype}", "only numbers and booleans are fed to OpenVINO")
    return openvino.Tensor(array, shared_memory=True)


def outputs(compiled: Any, done: FedRequest) -> Outputs:
    """Copies of what a request put out, by each output's name in the file."""
    openvino = import_openvino()
    found: Outputs = {}
    for port in compiled.outputs:
        array = done.made.get_tensor(port).data
        if port.element_type == openvino.Type.bf16:
            # NumPy has no such type, and OpenVINO shows the same bits as float16.
            array = array.view(np.uint16).view(ml_dtypes.bfloat16)
        found |= {name: np.array(array) for name in port.names}
    return found


def one_line(error: Exception) -> str:
    """OpenVINO's reason without the places in its sources, and without the file's folder."""
    text = re.sub(r"Exception from \S+:\d+:|Check '.*?' failed at \S+:\d+:|FrontEnd API failed with", " ", str(error))
    text = re.sub(r'"[^"\n]*/([^"/\n]*)"', r'"\1"', text)
    return " ".join(text.split())[:500]
