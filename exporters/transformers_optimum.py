"""Exports Hugging Face encoders by Optimum."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xbench.errors import InputError, InvalidError, UnavailableError
from xbench.sources.quiet import hushed, one_line, stay_offline

if TYPE_CHECKING:
    import onnx
    import torch

_EXPORT_FAULTS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, OSError)
_TASK = "feature-extraction"


class TransformersOptimumExporter:
    """Writes ONNX files with `optimum.exporters.onnx`, for modules with a Transformers configuration.

    Optimum knows each architecture: its inputs, its outputs (of BERT `last_hidden_state` alone, without the
    pooler) and which axes are open. It traces with TorchScript.
    """

    def export(
        self,
        module: torch.nn.Module,
        example_inputs: dict[str, torch.Tensor],
        dynamic_axes: dict[str, dict[int, str]],
        path: Path,
        opset: int | None = None,
    ) -> None:
        """Write `module`, in memory and pruned as it may be, to `path`, for the task feature-extraction.

        `example_inputs` must have the inputs that Optimum knows of the architecture; their values are not
        used. Batch and sequence axes are always open; `dynamic_axes` gives them names of your own.
        `opset` None means Optimum's default for the architecture. The module stays as it is.

        Raises InputError for a module, inputs or axes that Optimum does not know, UnavailableError where
        Optimum is not installed, InvalidError where the export fails.
        """
        export_onnx, tasks = _optimum()
        config = _config_of(module, tasks)
        _require_same_inputs(config.inputs, example_inputs)
        symbols = _new_symbols(config.inputs, dynamic_axes)
        try:
            with hushed():
                # Optimum writes to the configuration and patches forward: on a copy.
                export_onnx(copy.deepcopy(module), config, path, opset=opset, device="cpu")
        except _EXPORT_FAULTS as error:
            raise InvalidError(
                f"Optimum cannot export {type(module).__name__} to ONNX",
                one_line(error),
                "try exporter: dynamo",
            ) from error
        _rename_symbols(path, symbols)


def _optimum() -> tuple[Any, Any]:
    """Optimum's export function and its table of architectures, which that function's import fills."""
    stay_offline()
    try:
        with hushed():
            from optimum.exporters.onnx import export
            from optimum.exporters.tasks import TasksManager
    except ImportError as error:
        raise UnavailableError(
            "Optimum's ONNX exporter is not here", one_line(error), "pip install 'xbench[torch,optimum]'"
        ) from error
    return export, TasksManager


def _config_of(module: torch.nn.Module, tasks: Any) -> Any:
    """Optimum's description of the architecture: `.inputs` maps each input to its open axes."""
    if not hasattr(module, "config"):
        raise InputError(
            f"Optimum exports Transformers modules, not {type(module).__name__}",
            "the module has no configuration",
            "use exporter: dynamo",
        )
    try:
        with hushed():
            build = tasks.get_exporter_config_constructor(
                exporter="onnx", model=module, task=_TASK, library_name="transformers"
            )
            return build(module.config)
    except (ValueError, LookupError, TypeError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"Optimum does not know {type(module).__name__} for {_TASK}",
            one_line(error),
            "use exporter: dynamo",
        ) from error


def _require_same_inputs(known: Mapping[str, Mapping[int, str]], given: Mapping[str, torch.Tensor]) -> None:
    if set(known) != set(given):
        raise InputError(
            "The inputs are not those of the architecture",
            f"given: {', '.join(given)}; Optimum exports: {', '.join(known)}",
            "give exactly these, or use exporter: dynamo",
        )


def _new_symbols(known: Mapping[str, Mapping[int, str]], axes: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    """The caller's name for each of Optimum's symbols, such as `batch` for `batch_size`."""
    symbols: dict[str, str] = {}
    for name, named in axes.items():
        for axis, label in named.items():
            symbol = known.get(name, {}).get(axis)
            if symbol is None or symbols.setdefault(symbol, label) != label:
                raise InputError(
                    f"Axis {axis} of input {name!r} cannot be called {label!r}",
                    "Optimum keeps it fixed" if symbol is None else f"it equals {symbols[symbol]!r}",
                    f"open axes: {', '.join(f'{key} {dict(value)}' for key, value in known.items())}",
                )
    return symbols


def _rename_symbols(path: Path, symbols: Mapping[str, str]) -> None:
    import onnx

    model = onnx.load(path, load_external_data=False)
    values = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    for value in values:
        _rename_value(value, symbols)
    onnx.save(model, path)


def _rename_value(value: onnx.ValueInfoProto, symbols: Mapping[str, str]) -> None:
    for dim in value.type.tensor_type.shape.dim:
        if dim.dim_param in symbols:
            dim.dim_param = symbols[dim.dim_param]
