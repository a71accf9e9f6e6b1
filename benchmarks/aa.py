"""Repeats `xbench compare` of a model with its own copy: how often is one called faster or slower?

    python benchmarks/aa.py MODEL.onnx --repeats 20 [any option of xbench compare]

None should be. Prints the verdicts, the widest interval and the noise floors; JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from asking import compare


def once(model: Path, copy: Path, options: list[str], results: Path) -> dict:
    """One comparison of the model with its copy."""
    found = compare(model, copy, options, results)
    if found.said.exit_code not in (0, 3) or found.data is None:
        raise SystemExit(f"xbench compare failed: {found.failure}")
    return next(c for c in found.data["comparisons"] if c["hardware"] == "cpu")


def main() -> None:
    """Repeat and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments, options = parser.parse_known_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"copy-of-{arguments.model.name}"
        shutil.copy(arguments.model, copy)
        for number in range(arguments.repeats):
            comparison = once(arguments.model, copy, options, Path(folder) / "results")
            found.append(comparison)
            speedup = comparison["speedup"]
            if speedup is None:
                raise SystemExit(f"no interval at all: {comparison['reasons']}; give more time with --budget")
            print(
                f"{number + 1:3d} {comparison['verdict']:13s} {speedup['point']:.4f}x "
                f"({speedup['low']:.4f} to {speedup['high']:.4f}), floor {comparison['noise_floor']:.4f}",
                file=sys.stderr,
            )
    widths = [(c["speedup"]["high"] - c["speedup"]["low"]) / 2 / c["speedup"]["point"] for c in found]
    summary = {
        "repeats": len(found),
        "verdicts": dict(Counter(c["verdict"] for c in found)),
        "widest_half_width": max(widths),
        "median_half_width": sorted(widths)[len(widths) // 2],
        "largest_noise_floor": max(c["noise_floor"] for c in found),
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
