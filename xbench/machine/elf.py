"""Which libraries a shared library asks for, read from its file: nothing of it is loaded, so nothing can crash.

The layout is that of the System V ABI (gABI 4.1, "Object Files" and "Program Loading and Dynamic Linking").
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

_MAGIC_64_LITTLE = b"\x7fELF\x02\x01"  # EI_MAG0-3, ELFCLASS64, ELFDATA2LSB
_HEADER_BYTES = 64
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB = 0, 1, 5


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def needed(path: Path) -> tuple[str, ...]:
    """The names (DT_NEEDED) that the dynamic linker looks for when it loads this file, in their order.

    Such as ("libcudart.so.13", "libc.so.6"); empty for a file that asks for none. Raises InputError for a file
    that is no whole little-endian ELF64 file, OSError where it cannot be read.
    """
    with path.open("rb") as file:
        if path.stat().st_size < _HEADER_BYTES:
            raise InputError(f"{path.name} is no shared library", "it is shorter than an ELF header")
        # Provider libraries have hundreds of megabytes, of which some pages are looked at.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            if image[:6] != _MAGIC_64_LITTLE:
                raise InputError(
                    f"{path.name} is no shared library of this kind", "it is no little-endian ELF64 file"
                )
            try:
                return tuple(_needed(image))
            except (struct.error, ValueError) as error:
                raise InputError(
                    f"{path.name} is no whole shared library", f"its headers lead outside: {error}"
                ) from error


def _needed(image: mmap.mmap) -> Iterator[str]:
    segments = list(_segments(image))
    entries = [entry for part in segments if part.kind == _PT_DYNAMIC for entry in _dynamic(image, part)]
    names = [value for tag, value in entries if tag == _DT_NEEDED]
    tables = [value for tag, value in entries if tag == _DT_STRTAB]
    if names and not tables:
        raise ValueError("it names libraries and has no table of names")
    for name in names:
        start = _file_offset(segments, tables[0]) + name
        end = image.find(b"\0", start)
        if end < 0:
            raise ValueError("a name has no end")
        yield image[start:end].decode()


def _segments(image: mmap.mmap) -> Iterator[_Segment]:
    (table,) = struct.unpack_from("<Q", image, 0x20)  # e_phoff
    size, count = struct.unpack_from("<HH", image, 0x36)  # e_phentsize, e_phnum
    for index in range(count):
        # p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, table + index * size)
        yield _Segment(kind, offset, address, length)


def _dynamic(image: mmap.mmap, part: _Segment) -> Iterator[tuple[int, int]]:
    for position in range(part.offset, part.offset + part.size, 16):
        tag, value = struct.unpack_from("<qQ", image, position)
        if tag == _DT_NULL:
            return
        yield tag, value


def _file_offset(segments: list[_Segment], address: int) -> int:
    """Where in the file lies what will lie at this address."""
    for part in segments:
        if part.kind == _PT_LOAD and part.address <= address < part.address + part.size:
            return part.offset + address - part.address
    raise ValueError(f"address {address:#x} is in no segment")
