"""Checks a wheel's file list: every module and data file of the house is in it, and nothing else."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where each folder of the checkout lies in the wheel.
FOLDERS = {
    "xbench": "xbench",
    "exporters": "xbench/exporters",
    "runners": "xbench/runners",
    "hardware_profiles": "xbench/hardware_profiles",
    "examples": "xbench/examples",
}
SUFFIXES = {".py", ".yaml", ".typed"}


def expected() -> set[str]:
    """The files that a wheel of this checkout must hold."""
    found = set()
    for folder, target in FOLDERS.items():
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in SUFFIXES and "__pycache__" not in file.parts:
                found.add(f"{target}/{file.relative_to(ROOT / folder).as_posix()}")
    return found


def main(wheel: str) -> int:
    """Compare, and say what differs."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    there = {name for name in names if ".dist-info/" not in name}
    missing, unwanted = expected() - there, there - expected()
    licence = any(name.endswith("/licenses/LICENSE") for name in names)
    for label, files in (("missing", missing), ("unwanted", unwanted)):
        for file in sorted(files):
            print(f"{label} in {wheel}: {file}")
    if not licence:
        print(f"missing in {wheel}: LICENSE")
    if missing or unwanted or not licence:
        return 1
    print(f"{Path(wheel).name}: {len(there)} files, all that belong there and nothing else")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
