"""Profile files and machines for tests."""

from __future__ import annotations

import yaml

from xbench.machine.described import Machine
from xbench.machine.gpus import GpuDescription
from xbench.profiles.finding import all_profiles

H100 = GpuDescription("NVIDIA H100 80GB HBM3", "9.0", 81559)
T4 = GpuDescription("Tesla T4", "7.5", 15360)


class _Plain(yaml.SafeDumper):
    """Without aliases, which profile files may not have."""

    def ignore_aliases(self, data):
        return True


def write(folder, name="mine", **changes):
    """A whole profile on the fake runner, with these keys changed."""
    data = {"title": "Mine", "runner": "fake", "evidence": "never run"}
    return write_part(folder, name, **{**data, **changes})


def write_part(folder, name, **keys):
    """A file with these keys alone, beside the two that each file has."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    data = {"schema": "xbench.profile/1", "name": name, **keys}
    path.write_text(yaml.dump(data, Dumper=_Plain, sort_keys=False))
    return path


def read(folder, name="mine"):
    return all_profiles([folder])[name]


def machine(**changes):
    """A server with an H100, where nothing else was said."""
    data = {
        "architecture": "x86_64",
        "system": "linux",
        "cpu_vendor": "GenuineIntel",
        "cpu_model": "Intel(R) Xeon(R) Platinum 8480+",
        "cpu_flags": frozenset({"avx2", "avx512_vnni", "amx_int8"}),
        "gpus": (H100,),
        "driver": "580.65.06",
        "packages": {"onnxruntime": "1.31.1"},
    }
    return Machine(**{**data, **changes})
