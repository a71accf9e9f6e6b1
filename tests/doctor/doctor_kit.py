"""Plants what a doctor should see: installed packages, shared libraries, folders of the kernel."""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path


def shared_library(path: Path, *needed: str) -> Path:
    """The least ELF64 file that asks for these names: one segment for all of it, and a dynamic one."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets, at = [], 1
    for name in needed:
        offsets.append(at)
        at += len(name) + 1
    head, entry, dynamic_size = 64, 56, 16 * (len(needed) + 2)
    dynamic_at = head + 2 * entry
    base = 0x10000  # addresses and file offsets differ, as in real libraries
    strings_at = dynamic_at + dynamic_size
    total = strings_at + len(names)
    dynamic = b"".join(struct.pack("<qQ", 1, offset) for offset in offsets)
    dynamic += struct.pack("<qQ", 5, base + strings_at) + struct.pack("<qQ", 0, 0)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, head, 0, 0, head, entry, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, base, base, total, total, 4096)
    where = struct.pack("<IIQQQQQQ", 2, 4, dynamic_at, base + dynamic_at, 0, dynamic_size, dynamic_size, 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + load + where + dynamic + names)
    return path


def install(folder: Path, name: str, version: str, *, tag: str = "cp311-cp311-manylinux_2_28_x86_64") -> None:
    """Unpack a package that brings `onnxruntime` as pip would: its files over what is there, and its RECORD."""
    files = {
        "onnxruntime/__init__.py": f"# {name}\n__version__ = '{version}'\n",
        "onnxruntime/capi/build_and_package_info.py": f"package_name = '{name}'\n__version__ = '{version}'\n",
    }
    record = []
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record.append(f"{file},sha256={digest},{len(text)}")
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (info / "RECORD").write_text("\n".join([*record, f"{info.name}/METADATA,,"]) + "\n")
