"""How each tool tells the speedup of one ONNX file over another, all in the same run.

    python benchmarks/peers.py BASE CAND --seconds 30 --repeats 6 --python PEERS/bin/python --json FILE

Each tool is run as its users run it: one command on BASE, then one on CAND, and the speedup is the ratio of the
latencies that it reports; and once more with BASE in both places. `--seconds` is for both models together. Tools
take turns, in a new order in each repeat, so that whatever the machine does meets all of them. At the end each is
asked for CUDA, hidden from it where there is one. Peers that are not installed are named, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from asking import ask, save
from tools import NOT_RUN, TOOLS, Lab, Tool

SEED = 0
ENVIRONMENT = "XBENCH_PEERS_PYTHON"
_VERSIONS = """
import importlib.metadata as m, json, sys
names = "onnxruntime onnxruntime-gpu openvino polygraphy mlcommons-loadgen onnx-perf-test numpy".split()
there = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in m.distributions()}
print(json.dumps({"python": sys.version.split()[0], **{n: there[n] for n in names if n in there}}))
"""


def present(lab: Lab, names: Sequence[str] = ()) -> tuple[list[Tool], dict[str, str]]:
    """The tools that can be run (all, or those of these names), and why the others can not."""
    reasons = {tool.name: tool.missing(lab) for tool in TOOLS if not names or tool.name in names}
    tools = [tool for tool in TOOLS if reasons.get(tool.name) == ""]
    return tools, {name: reason for name, reason in reasons.items() if reason} | NOT_RUN


def versions(lab: Lab) -> dict[str, str]:
    """What is in the environment of the peers."""
    said = ask([lab.python, "-c", _VERSIONS], 60)
    if said.exit_code:
        raise SystemExit(f"{lab.python} does not run: {said.last_words}")
    return dict(json.loads(said.stdout))


def speedups(
    lab: Lab, tools: Sequence[Tool], base: Path, cand: Path, repeats: int, identical: bool
) -> Iterator[dict[str, Any]]:
    """A row for each run. `case` is `speedup`, or `identical` where BASE stands in both places."""
    order = random.Random(SEED)  # noqa: S311 - no secret
    cases = [("speedup", cand)] + ([("identical", base)] if identical else [])
    for repeat in range(1, repeats + 1):
        for tool in order.sample(list(tools), len(tools)):
            for case, other in cases:
                yield {"tool": tool.name, "case": case, "repeat": repeat, **tool.pair(lab, base, other)}


def absent(lab: Lab, tools: Sequence[Tool], model: Path) -> Iterator[dict[str, Any]]:
    """A row for each tool: how it answers when CUDA is asked for and is not there."""
    for tool in tools:
        yield {"tool": tool.name, "case": "absent", **tool.absent(lab, model)}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each tool: the speedups' median and spread, (max - min) / median; how far apart two identical runs are.

    Of the latter the median and the worst; 0.05 is 5 %. None where nothing was told.
    """
    return {tool.name: _of_tool(tool, rows) for tool in TOOLS if any(row["tool"] == tool.name for row in rows)}


def _of_tool(tool: Tool, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mine = [row for row in rows if row["tool"] == tool.name and row["case"] != "absent"]
    told = [row for row in mine if "failed" not in row]
    found = [row["speedup"] for row in told if row["case"] == "speedup"]
    apart = [max(row["speedup"], 1 / row["speedup"]) - 1 for row in told if row["case"] == "identical"]
    return {
        "reports": tool.reports,
        "runs": len(mine),
        "failed": len(mine) - len(told),
        "speedup": median(found) if found else None,
        "spread": (max(found) - min(found)) / median(found) if found else None,
        "identical_apart": median(apart) if apart else None,
        "identical_apart_worst": max(apart, default=None),
        "seconds": median(row["seconds"] for row in told) if told else None,
    }


def line(row: dict[str, Any]) -> str:
    """A row as one line of text."""
    start = f"{row['tool']:16s} {row['case']:9s}"
    if "failed" in row:
        return f"{start} failed: {row['failed']}"
    if row["case"] == "absent":
        return f"{start} exit code {row['exit_code']}, {'a figure' if row['figures'] else 'no figure'}"
    return (
        f"{start} {row['repeat']:2d}  {row['base_ms']:9.3f} ms {row['cand_ms']:9.3f} ms "
        f"{row['speedup']:.4f}x in {row['seconds']:.1f} s"
    )


def table(found: dict[str, dict[str, Any]]) -> str:
    """The summary as text."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    lines = [f"{'tool':16s} {'speedup':>8s} {'spread':>8s} {'identical runs apart':>22s} {'failed':>7s}"]
    for name, one in found.items():
        speedup = "-" if one["speedup"] is None else f"{one['speedup']:.3f}x"
        apart = f"{share(one['identical_apart'])}, worst {share(one['identical_apart_worst'])}"
        lines.append(f"{name:16s} {speedup:>8s} {share(one['spread']):>8s} {apart:>22s} {one['failed']:7d}")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE", type=Path)
    parser.add_argument("cand", metavar="CAND", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0, help="for one speedup by one tool (default: 30)")
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--python", type=Path, default=None, help=f"the peers' interpreter; else ${ENVIRONMENT}")
    parser.add_argument(
        "--tool", dest="tools", action="append", choices=[tool.name for tool in TOOLS], default=[], help="repeatable"
    )
    parser.add_argument("--json", metavar="FILE", help="written after each run; - is standard output, at the end")
    return parser.parse_args()


def peers_python(named: Path | None) -> Path:
    """The interpreter of the peers: as named, or by the environment, or this one. A link of a venv stays a link."""
    return (named or Path(os.environ.get(ENVIRONMENT, sys.executable))).absolute()


def main() -> None:
    """Run all, saving as it goes."""
    arguments = _arguments()
    base, cand = arguments.base.resolve(), arguments.cand.resolve()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(peers_python(arguments.python), arguments.seconds, Path(folder))
        data: dict[str, Any] = {"base": str(base), "cand": str(cand), "seconds": lab.seconds, "peers": versions(lab)}
        tools, data["skipped"] = present(lab, arguments.tools)
        for name, reason in data["skipped"].items():
            print(f"{name:16s} not run: {reason}", file=sys.stderr)
        data["runs"] = []
        for rows in (speedups(lab, tools, base, cand, arguments.repeats, True), absent(lab, tools, base)):
            for row in rows:
                print(line(row), file=sys.stderr, flush=True)
                data["runs"].append(row)
                data["tools"] = summary(data["runs"])
                if arguments.json not in (None, "-"):
                    save(data, Path(arguments.json))
    print(json.dumps(data, indent=1) if arguments.json == "-" else table(data["tools"]))


if __name__ == "__main__":
    main()
