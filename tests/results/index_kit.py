"""Folders of recorded runs, made by the functions that record them."""

from __future__ import annotations

import json
from pathlib import Path

from records_by_hand import comparison, device, group, quality, record, variant

from xbench.records.comparison import Decision
from xbench.records.fingerprint import Fingerprint
from xbench.results.rows import case_rows
from xbench.store.folder import RECORD, RunFolder

MACHINE = Fingerprint(
    cpu_model="hand",
    architecture="x86_64",
    cpu_flags_sha256="",
    cpus_online=2,
    cpus_usable=2,
    cgroup_cpu_limit=None,
    memory_mib=1024,
    memory_limit_mib=None,
    governor="",
    max_frequency_mhz=None,
    system="Linux",
    kernel="",
    libc="",
    python="3.11",
    gpus=(),
    nvidia_driver="",
    libraries={},
    environment={},
)


def run_id(number, name="hand"):
    return f"202601{number // 24 + 1:02d}T{number % 24:02d}0000Z-{name}-{number:06x}"


def hand_record(number=0, *, names=("pruned",), speedup=1.93, verdict="faster", outcome=None, named="hand", **more):
    """A complete run of dense and these variants on `cpu`, begun in the hour of that number."""
    name = run_id(number)
    spread = (speedup, speedup * 0.98, speedup * 1.02)
    found = [comparison(one, verdict, spread if verdict != "invalid" else None) for one in names]
    known = names if outcome else ()
    decided = [Decision(variant=one, hardware="cpu", outcome=outcome, ships=outcome == "pass") for one in known]
    values = {
        "id": name,
        "created": RunFolder(Path(name)).created,
        "fingerprint": MACHINE,
        "suite": {"name": named, "model": {"package": "net"}, "workloads": [{"name": "w"}]},
        "variants": (variant("dense", baseline=True), *(variant(one, zeros=500) for one in names)),
        "groups": (group(found),),
        "quality": (quality("dense", None), *(quality(one) for one in names)),
        "decisions": tuple(decided),
        "outcome": outcome,
        "devices": (device(),),
    }
    return record(**{**values, **more})


def put(results, found, *, sealed=True):
    """The run in its folder, as `xbench run` leaves it; complete and not sealed, as it did before manifests."""
    folder = RunFolder(results / found.id)
    folder.path.mkdir(parents=True, exist_ok=True)
    if sealed:
        folder.seal(found, case_rows(found))
    else:
        folder.save(found)
        if found.status == "complete":
            edit(folder, lambda data: data.update(schema="xbench.run/2"))
    return folder


def edit(folder, change):
    """Change the record as somebody with an editor would."""
    file = folder.path / RECORD
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))
