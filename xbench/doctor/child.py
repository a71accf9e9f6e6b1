"""Loads one runner's libraries in a process of its own, where a crash is that process's alone.

Started as `python -m xbench.doctor.child PROFILE_JSON FOLDER`; a library may print what it likes meanwhile.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..errors import XbenchError
from ..measure.model_file import needs_module
from ..onnxfile.two_nodes import write_two_nodes
from ..plugins import runner_class
from ..records.profile import HardwareProfile

ANSWER = "answer.json"


def load(profile: HardwareProfile, folder: Path) -> dict[str, Any]:
    """Ask the runner whether it can be here and, if so, import its libraries, and write the model of two nodes.

    Gives `available`, `reason`, `remedy`, `model` (the file's name in `folder`) and `offered`: the providers of ONNX
    Runtime, where that was imported.
    """
    answer: dict[str, Any] = {"available": False, "reason": "", "remedy": "", "model": "", "offered": []}
    try:
        kind = runner_class(profile.runner)
        state = kind.probe(profile)
        if state.available:
            kind.warm_import()
            answer["model"] = _write_model(profile, folder).name
    except XbenchError as error:
        return answer | {"reason": error.reason, "remedy": error.remedy}
    except (ImportError, OSError) as error:
        return answer | {"reason": f"{type(error).__name__}: {error}"}
    # Imported by the runner or not at all: here it is only asked.
    runtime = sys.modules.get("onnxruntime")
    offered = list(runtime.get_available_providers()) if runtime is not None else []
    return answer | state.model_dump(include={"available", "reason", "remedy"}) | {"offered": offered}


def _write_model(profile: HardwareProfile, folder: Path) -> Path:
    if needs_module(profile):
        from ..prepare.two_nodes import write_two_nodes_program

        return write_two_nodes_program(folder)
    path = folder / "two_nodes.onnx"
    write_two_nodes(path)
    return path


def main() -> None:
    """Answer into the folder that the parent named."""
    profile, folder = HardwareProfile.model_validate_json(sys.argv[1]), Path(sys.argv[2])
    (folder / ANSWER).write_text(json.dumps(load(profile, folder)))


if __name__ == "__main__":
    main()
