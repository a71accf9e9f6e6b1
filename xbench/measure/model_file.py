"""Which file of an artifact a runner is given."""

from __future__ import annotations

from pathlib import Path

from ..artifacts.modules import NO_MODULE, module_path
from ..errors import InvalidError
from ..plugins import runner_class
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile


def needs_module(profile: HardwareProfile) -> bool:
    """Whether the profile's runner runs PyTorch modules: its class says so by `needs_module = True`."""
    return bool(getattr(runner_class(profile.runner), "needs_module", False))


def model_file(artifact: Artifact, profile: HardwareProfile) -> Path:
    """The ONNX file, or the kept PyTorch program for a runner of modules.

    Raises InvalidError, with the reason, where there is no such program.
    """
    if not needs_module(profile):
        return Path(artifact.path)
    found = module_path(artifact)
    if found is None:
        raise InvalidError(
            f"{artifact.variant} cannot run on {profile.name}",
            artifact.module_note or NO_MODULE,
            "a device that runs ONNX files can",
        )
    return found
