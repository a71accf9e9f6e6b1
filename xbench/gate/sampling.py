"""Which files of a run's folder a verdict was decided on, and the digest of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from ..analysis.scored import example_count
from ..errors import StoreError
from ..records.comparison import Sample
from ..records.run_record import GroupState
from .question import Source

_CHUNK = 1 << 20


def timed_sample(source: Source, group: GroupState, variants: Sequence[str], run: str = "") -> Sample:
    """All process sets of a group: `count` is how many of them hold a run of each of these variants.

    The files are those of the whole group, since noise, steal and load are told from all of them. `run` is the id of
    the source's run where that is another than the verdict's. Without a folder there are no files, and no digest.
    Raises StoreError where a file is damaged or cannot be read.
    """
    wanted = set(variants)
    count = sum(wanted <= {run.label for run in one.runs} for one in source.sets(group))
    number = source.group_number(group.hardware, group.workload)
    files = source.folder.set_files(number) if source.folder is not None else []
    return _sample(source, files, count, "process sets", run)


def scored_sample(source: Source, variants: Sequence[str], hardware: str, run: str = "") -> Sample:
    """The scores of these variants on a device, and what is known of the examples where that is kept.

    `count` is how many examples there are, those that could not be scored among them; `run` as in `timed_sample`.
    Without a folder there are no files, and no digest. Raises StoreError where a file is damaged or cannot be read.
    """
    scores = (source.scores(variant, hardware) for variant in variants)
    count = max((example_count(one) for one in scores if one is not None), default=0)
    files: list[Path] = []
    names = [state.name for state in source.record.variants]
    devices = [device.profile.name for device in source.record.devices]
    if source.folder is not None and hardware in devices:
        numbers = [names.index(variant) for variant in variants if variant in names]
        files = source.folder.scored_files(numbers, devices.index(hardware))
    return _sample(source, files, count, "examples", run)


def _sample(source: Source, files: Sequence[Path], count: int, units: str, run: str) -> Sample:
    if source.folder is None:
        return Sample(files=(), sha256="", count=count, units=units, run=run)
    names = tuple(file.relative_to(source.folder.path).as_posix() for file in files)
    return Sample(files=names, sha256=_digest(_stamped(files)), count=count, units=units, run=run)


def _stamped(files: Iterable[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Each file with its size and the time of its last change: many verdicts stand on the same ones."""
    try:
        return tuple((file, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files)
    except OSError as error:
        raise StoreError("A sample that decides cannot be read", str(error)) from error


@lru_cache(maxsize=256)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """SHA-256 over the bytes of the files, one after the other."""
    digest = hashlib.sha256()
    for path, *_ in files:
        try:
            with path.open("rb") as file:
                while part := file.read(_CHUNK):
                    digest.update(part)
        except OSError as error:
            raise StoreError("A sample that decides cannot be read", str(error)) from error
    return digest.hexdigest()
