"""Measures the files of evidence_models.py on this machine's targets: the runs behind docs/results.md.

    python benchmarks/evidence.py MODELS [--only minilm] [--budget 60s] [--output results]
        [--fp32 cpu --fp32 openvino-native-bf16] [--int8 cpu-int8] [--fp16 cuda-fp16] [--unstructured]

For each model, and for each precision of the files: `xbench compare` of dense with the pruned files of that same
precision, on the targets that are named for it, in one run. Prints each command, and ends with status 1 where one of
them did not end with a verdict (0, 1 or 3) or with an invalid case (4), which the tables tell.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MODELS = ("minilm", "bert-base", "resnet50")
VARIANTS = ("dense", "2to4", "zeroed", "removed")
SUFFIX = {"fp32": "", "int8": "-int8", "fp16": "-fp16"}
# On any CPU: a target for each precision that it has, by both runtimes.
TARGETS = {
    "fp32": ("cpu", "openvino-native-f32", "openvino-native-bf16"),
    "int8": ("cpu-int8", "openvino-native-int8"),
    "fp16": (),
}
TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
TOKENS = 128
ANSWERS = (0, 1, 3, 4)


def command(model: str, precision: str, arguments: argparse.Namespace, targets: Sequence[str]) -> list[str]:
    """The command that a user would type."""
    variants = (*VARIANTS, "unstructured") if arguments.unstructured else VARIANTS
    files = [arguments.models / f"{model}-{name}{SUFFIX[precision]}.onnx" for name in variants]
    shapes = () if model == "resnet50" else tuple(f"--shape={name}=1x{TOKENS}" for name in TEXT_INPUTS)
    hardware = tuple(f"--hardware={name}" for name in targets)
    return [
        *(sys.executable, "-m", "xbench", "compare", *map(str, files)),
        *shapes,
        *hardware,
        *(f"--budget={arguments.budget}", f"--output={arguments.output}", "--time-limit=600s"),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODELS", type=Path, help="what evidence_models.py has written")
    parser.add_argument("--only", choices=MODELS, action="append", help="one of the models; repeatable")
    parser.add_argument("--budget", default="60s", help="seconds to measure for, on each target")
    parser.add_argument("--output", type=Path, default=Path("results"))
    parser.add_argument("--unstructured", action="store_true", help="half of the weights zero, as a control")
    for precision in SUFFIX:
        parser.add_argument(f"--{precision}", metavar="NAME", action="append", help="a target; repeatable")
    return parser.parse_args()


def main() -> int:
    """Measure all, one after the other."""
    arguments = _arguments()
    named = {precision: getattr(arguments, precision) for precision in SUFFIX}
    chosen = {p: tuple(names or ()) for p, names in named.items()} if any(named.values()) else TARGETS
    failed = 0
    for model in arguments.only or MODELS:
        for precision, targets in chosen.items():
            if not targets:
                continue
            line = command(model, precision, arguments, targets)
            print(f"$ {shlex.join(['xbench', *line[3:]])}", flush=True)
            failed += subprocess.run(line, check=False).returncode not in ANSWERS
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
