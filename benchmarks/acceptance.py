"""The figures that xbench is to reach, measured: one command, JSON out.

    python benchmarks/models.py MODELS
    python benchmarks/acceptance.py MODELS --json FILE --python PEERS/bin/python

Each run prints a line and is saved at once, so an interrupted one loses nothing: name the parts that are left with
`--only`, and the same FILE. `--budget`, `--repeats` and the like are for trying whether it works; what such a trial
finds is marked as a trial.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asking import XBENCH, ask, save
from parts import AA_RUNS, MODELS, PARTS, Bench, Row
from peers import ENVIRONMENT, peers_python, versions
from tools import Lab

SCHEMA = "xbench.acceptance/1"


def text(row: Row) -> str:
    """A row as one line: the plain values that are there."""
    found = []
    for name, value in row.items():
        if isinstance(value, float):
            found.append(f"{name} {value:.4g}")
        elif isinstance(value, str | int | bool) and value != "":
            found.append(f"{name} {value}")
        elif isinstance(value, dict | list) and value and name != "tools":
            found.append(f"{name} {json.dumps(value)}")
    return ", ".join(found)


def machine(bench: Bench) -> dict[str, Any]:
    """What this was run on, with which xbench, and with which peers."""
    return {
        "cpu_model": _cpu_model(),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "xbench": ask([XBENCH, "--version"], 60).stdout.strip(),
        "peers": versions(Lab(bench.python, 0, bench.results)),
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def run_part(name: str, bench: Bench, data: dict[str, Any], file: Path) -> None:
    """Run a part, and save each row as it comes."""
    part = PARTS[name]
    rows: list[Row] = []
    data["parts"][name] = {
        "wanted": part.wanted,
        "trial": bench.trial,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(bench),
        "finished": False,
        "summary": None,
        "rows": rows,
    }
    begun = time.monotonic()
    print(f"{name}: {part.wanted}", flush=True)
    for row in part.rows(bench):
        rows.append(row)
        print(f"  {text(row)}", flush=True)
        save(data, file)
    summary = part.judge(rows)
    data["parts"][name] |= {"finished": True, "seconds": time.monotonic() - begun, "summary": summary}
    save(data, file)
    print(f"  = {text(summary)}", flush=True)


def outcome(part: dict[str, Any]) -> str:
    """What is said of a part at the end."""
    if not part["finished"]:
        return "not finished"
    said = "reached" if part["summary"]["reached"] else "NOT REACHED"
    return f"{said} (a trial: proves nothing)" if part["trial"] else said


def _require_models(folder: Path) -> None:
    missing = [name for name in MODELS if not (folder / f"{name}.onnx").is_file()]
    if missing:
        raise SystemExit(f"{folder} has no {', '.join(missing)}: write them with models.py {folder}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODELS", type=Path, help="the folder that models.py wrote")
    parser.add_argument("--json", metavar="FILE", type=Path, required=True, help="added to where it exists")
    parser.add_argument("--only", metavar="NAME", choices=PARTS, action="append", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--aa-runs", type=int, default=AA_RUNS, help=f"of the part aa (default: {AA_RUNS})")
    parser.add_argument("--neighbour", action="store_true", help="disturb all comparisons, not half of some parts")
    parser.add_argument("--python", type=Path, help=f"the peers' interpreter; else ${ENVIRONMENT}, else this one")
    parser.add_argument("--results", metavar="DIR", type=Path, help="keep the records of all runs there")
    parser.add_argument("--budget", metavar="SECONDS", type=float, help="of each run, in place of the parts' own")
    parser.add_argument("--repeats", type=int, help="of each part, in place of its own")
    return parser.parse_args()


def main() -> None:
    """Run the parts, then say which figures were reached."""
    # SIGTERM ends it like an exit, so that no neighbour and no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = _arguments()
    _require_models(arguments.models)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            models=arguments.models.resolve(),
            python=peers_python(arguments.python),
            results=(arguments.results or Path(folder)).resolve(),
            aa_runs=arguments.aa_runs,
            budget=arguments.budget,
            repeats=arguments.repeats,
            neighbour=arguments.neighbour,
        )
        bench.results.mkdir(parents=True, exist_ok=True)
        file: Path = arguments.json
        data: dict[str, Any] = {"schema": SCHEMA, "parts": {}}
        if file.exists():
            data = json.loads(file.read_text())
        for name in arguments.only or PARTS:
            run_part(name, bench, data, file)
    for name, part in data["parts"].items():
        print(f"{name:12s} {outcome(part)}")


if __name__ == "__main__":
    main()
