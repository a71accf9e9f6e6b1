"""Exports Hugging Face encoders, and decoders with or without their past, by Optimum."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xbench.errors import InputError, InvalidError, UnavailableError
from xbench.sources.decoders import FEATURES, GENERATION, WITH_PAST, is_causal, is_past_name
from xbench.sources.quiet import hushed, one_line, stay_offline

from .tracing import EXPORT_FAULTS, require_asked, without_native_output

if TYPE_CHECKING:
    import onnx
    import torch

_POSITIONS = "position_ids"
_HEADS_STAY = "leave the attention heads in, since the past has their number, or give model.task: text-generation"


class TransformersOptimumExporter:
    """Writes ONNX files with `optimum.exporters.onnx`, for modules with a Transformers configuration.

    Optimum knows each architecture: its inputs, its outputs (of BERT `last_hidden_state` alone, without the
    pooler) and which axes are open. It traces with TorchScript. A decoder with its past is one file, that takes
    a past of any length, 0 included: there is no second file for the first call.
    """

    def export(
        self,
        module: torch.nn.Module,
        example_inputs: dict[str, torch.Tensor],
        dynamic_axes: dict[str, dict[int, str]],
        path: Path,
        opset: int | None = None,
    ) -> None:
        """Write `module`, in memory and pruned as it may be, to `path`.

        The task is text-generation-with-past where `example_inputs` hold `past_key_values.0.key` and so on,
        text-generation where the module is a causal decoder with its head, else feature-extraction.

        `example_inputs` must have the inputs that Optimum knows of the architecture (`position_ids` may be there
        in vain); their values are not used. Batch, sequence and past axes are always open; `dynamic_axes` gives
        them names of your own. `opset` None means Optimum's default for the architecture. The module stays as it is.

        Raises InputError for a module, inputs or axes that Optimum does not know, UnavailableError where
        Optimum is not installed, InvalidError where the export fails.
        """
        export_onnx, tasks = _optimum()
        task = _task(module, example_inputs)
        config = _config_of(module, tasks, task)
        inputs = _known_inputs(config.inputs, example_inputs)
        vain = set(example_inputs) - set(inputs)
        symbols = _new_symbols(config.inputs, {n: named for n, named in dynamic_axes.items() if n not in vain})
        try:
            with hushed(), without_native_output():
                # Optimum writes to the configuration and patches forward: on a copy.
                export_onnx(copy.deepcopy(module), config, path, opset=opset, device="cpu")
        except EXPORT_FAULTS as error:
            raise InvalidError(
                f"Optimum cannot export {type(module).__name__} to ONNX",
                one_line(error),
                _HEADS_STAY if task == WITH_PAST else "try exporter: dynamo, or torchscript",
            ) from error
        _rename_symbols(path, symbols)
        require_asked(path, inputs, opset)


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


def _task(module: torch.nn.Module, inputs: Mapping[str, torch.Tensor]) -> str:
    if any(map(is_past_name, inputs)):
        return WITH_PAST
    return GENERATION if is_causal(type(module).__name__) else FEATURES


def _config_of(module: torch.nn.Module, tasks: Any, task: str) -> Any:
    """Optimum's description of the architecture: `.inputs` maps each input to its open axes."""
    if not hasattr(module, "config"):
        raise InputError(
            f"Optimum exports Transformers modules, not {type(module).__name__}",
            "the module has no configuration",
            "use exporter: dynamo",
        )
    past = {"use_past": True, "use_past_in_inputs": True} if task == WITH_PAST else {}
    try:
        with hushed():
            build = tasks.get_exporter_config_constructor(
                exporter="onnx", model=module, task=task, library_name="transformers"
            )
            return build(module.config, **past)
    except (ValueError, LookupError, TypeError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"Optimum does not know {type(module).__name__} for {task}",
            one_line(error),
            "use exporter: dynamo",
        ) from error


def _known_inputs(
    known: Mapping[str, Mapping[int, str]], given: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The inputs that Optimum writes. Some decoders count positions themselves, and some want to be told."""
    if set(known) - set(given) or set(given) - set(known) - {_POSITIONS}:
        raise InputError(
            "The inputs are not those of the architecture",
            f"given: {', '.join(given)}; Optimum exports: {', '.join(known)}",
            "give exactly these, or use exporter: dynamo",
        )
    return {name: given[name] for name in known}


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
