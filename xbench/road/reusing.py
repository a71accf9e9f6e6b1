"""Whether a recorded baseline is the one that a run would make: the data, the model, the device, the question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InvalidError, StoreError
from ..machine.fingerprint import fingerprint
from ..prepare.locating import transformers_folder
from ..records.artifact import Artifact
from ..records.baseline import BaselineRecord
from ..records.profile import HardwareProfile
from ..records.quality import DataFacts
from ..store.baselines import BaselineFolder
from ..suite.loading import LoadedSuite

# Keys of `evaluate` that change no answer of the model: what is made of the answers, and where data lie whose
# contents have a digest.
_NO_ANSWERS = frozenset(
    {"metrics", "slices", "correction", "expected_change", "dataset", "documents", "judgements", "tokenizer"}
)
# Keys of `evaluate` that change nothing of what is read of the data.
_NOT_READ = frozenset(
    {
        "metrics",
        "correction",
        "expected_change",
        "batch",
        "max_length",
        "pooling",
        "threshold",
        "outputs",
        "tokenizer",
    }
)
_NOT_READ_OF_DATA = frozenset({"version", "sha256"})


def evaluation_of(loaded: LoadedSuite) -> dict[str, Any]:
    """What the suite asks of quality, as data."""
    evaluate = loaded.suite.evaluate
    return {} if evaluate is None else evaluate.model_dump(mode="json")


def tokenizer_digest(loaded: LoadedSuite) -> str:
    """The SHA-256 of the tokenizer's file; empty where the suite has none."""
    evaluate = loaded.suite.evaluate
    if evaluate is None or not hasattr(evaluate, "tokenizer"):
        return ""
    folder = loaded.path(evaluate.tokenizer) if evaluate.tokenizer else transformers_folder(loaded)
    file = None if folder is None else folder / "tokenizer.json"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None and file.is_file() else ""


def require_same_data(loaded: LoadedSuite, data: DataFacts, folder: BaselineFolder) -> None:
    """Raise InvalidError where the data are read as the recorded baseline's were, and are others now.

    One that was recorded of a suite that reads other columns, slices or files tells nothing of that.
    """
    try:
        record = folder.load()
    except StoreError:
        return  # told where it would be used, and not used
    if record is None or record.data.sha256 == data.sha256:
        return
    if _read(record.evaluate) == _read(evaluation_of(loaded)):
        raise InvalidError(
            f"The data of {loaded.suite.name} are not those that its baseline on {record.hardware} was recorded with",
            f"then their sha256 was {record.data.sha256} ({record.data.examples} examples), "
            f"now it is {data.sha256} ({data.examples})",
            f"record it anew by `xbench baseline`, or delete {folder.path}",
        )


def _read(evaluate: Mapping[str, Any]) -> dict[str, Any]:
    """What of `evaluate` tells which examples are read, and which columns of them."""
    found = {key: value for key, value in evaluate.items() if key not in _NOT_READ}
    for key in ("dataset", "documents", "judgements"):
        if isinstance(found.get(key), dict):
            found[key] = {name: value for name, value in found[key].items() if name not in _NOT_READ_OF_DATA}
    return found


def differences(
    record: BaselineRecord, loaded: LoadedSuite, data: DataFacts, artifact: Artifact, profile: HardwareProfile
) -> list[str]:
    """In what a recorded baseline is another one than this run's, in words; empty where it is the same."""
    found = []
    if record.variant != artifact.variant:
        found.append(f"the baseline was {record.variant!r}")
    if record.graph_sha256 != artifact.graph_sha256:
        found.append(f"the model is another: {record.graph_sha256[:12]} then, {artifact.graph_sha256[:12]} now")
    if record.data.sha256 != data.sha256:
        same = _read(record.evaluate) == _read(evaluation_of(loaded))
        what = "the data are others" if same else "other columns, slices or files of data are read"
        found.append(f"{what}: {record.data.sha256[:12]} then, {data.sha256[:12]} now")
    found += _changed_keys(record.evaluate, evaluation_of(loaded))
    if record.tokenizer_sha256 != tokenizer_digest(loaded):
        found.append("the tokenizer is another")
    if record.profile != profile:
        found.append("the hardware profile is another")
    if record.xbench_version != __version__:
        found.append(f"xbench was {record.xbench_version}")
    machine = record.fingerprint.differences(fingerprint())
    return found + ([f"the machine or its software is another: {machine[0]}"] if machine else [])


def _changed_keys(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted((then.keys() | now.keys()) - _NO_ANSWERS)
    return [f"evaluate.{n} was {then.get(n)!r}" for n in names if then.get(n) != now.get(n)]


def baseline_folder(results: Path, loaded: LoadedSuite, profile: HardwareProfile) -> BaselineFolder:
    """Where the baseline of a suite on a device is recorded."""
    return BaselineFolder(results, loaded.suite.name, profile.name)
