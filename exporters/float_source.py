"""What both converters begin with: a file of 32-bit floats, and ONNX Runtime's tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from xbench.artifacts.precision import held_precision
from xbench.errors import InputError, InvalidError, UnavailableError, XbenchError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.inlining import inlined
from xbench.onnxfile.opening import open_model
from xbench.sources.quiet import hushed, one_line


def float_model(source: Path, precision: str) -> onnx.ModelProto:
    """The model in a file of 32-bit floats, its functions inlined. Raises InputError where it is none."""
    model = inlined(open_model(source))
    found = audit(model)
    held = held_precision(found)
    if held != "fp32" or found.precision not in ("", "float32"):
        raise InputError(
            f"{source.name} cannot be converted to {precision}",
            f"it holds {found.precision} weights, and only 32-bit floats are converted",
            "give the file as it was exported, and let xbench convert it",
        )
    return model


@contextmanager
def tools_of_onnxruntime(source: Path, precision: str) -> Iterator[None]:
    """Quiet, without telemetry. Raises UnavailableError without the package; InvalidError for what a tool raises."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when the library is loaded
    try:
        with hushed():
            yield
    except XbenchError:
        raise
    except ImportError as error:
        raise UnavailableError(
            f"Converting to {precision} needs the tools of ONNX Runtime", one_line(error), "pip install 'xbench[cpu]'"
        ) from error
    except Exception as error:  # the tools check with assert, and ONNX Runtime's own errors have no common class
        raise InvalidError(
            f"{source.name} cannot be converted to {precision} by ONNX Runtime's tools",
            one_line(error),
            "leave this precision out of `precisions`, or exclude what they cannot convert",
        ) from error
