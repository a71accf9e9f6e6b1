"""Times of one provider under the name of another: the whole of them, or a part."""

from __future__ import annotations

import pytest
from planted_kit import travelled
from road.road_kit import write_suite

from xbench.records.profile import Availability

# ONNX Runtime as its GPU build is where CUDA's libraries are missing: it offers the provider, and gives a CPU
# session. One that `claims` says besides that CUDA has it, so that only the nodes and their time can tell.
SHIM = """
import importlib, sys
del sys.modules[__name__]
sys.path.remove({folder!r})
real = importlib.import_module("onnxruntime")
real.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]

class Session(real.InferenceSession):
    def __init__(self, path, options, providers, **more):
        self.asked = [one if isinstance(one, str) else one[0] for one in providers]
        super().__init__(path, options, providers=["CPUExecutionProvider"], **more)

    def get_providers(self):
        return self.asked if {claims} else super().get_providers()

real.InferenceSession = Session
"""
# The machine is not asked for a GPU, so that the fallback comes to be.
ANYWHERE = """\
schema: xbench.profile/1
name: anywhere
title: CUDA where it is not, fp32
runner: cuda
placement: {provider: CUDAExecutionProvider}
evidence: never run
"""


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        (False, "CUDAExecutionProvider was asked for and CPUExecutionProvider took the session: a silent fallback"),
        (True, "dense has heavy nodes that are not on CUDAExecutionProvider: 1 MatMul on CPUExecutionProvider"),
    ],
)
def test_a_silent_fallback_to_the_cpu_gives_no_figure(tmp_path, monkeypatch, claims, told):
    """Past the probe, which would have found the libraries missing: the session itself has to tell."""
    shim = tmp_path / "shim"
    (shim / "onnxruntime").mkdir(parents=True)
    (shim / "onnxruntime" / "__init__.py").write_text(SHIM.format(folder=str(shim), claims=claims))
    monkeypatch.setenv("PYTHONPATH", str(shim))
    monkeypatch.setattr("xbench.runners.nvidia.probe_provider", lambda _: Availability(available=True))
    suite = write_suite(tmp_path, {"dense": {}, "pruned": {}}, gate={"min_speedup": 1.0})
    (tmp_path / "profiles" / "anywhere.yaml").write_text(ANYWHERE)
    found = travelled(suite, hardware=("anywhere",))
    assert found.comparison("pruned").verdict == "invalid"
    assert f"INVALID: dense: {told}" in found.sentence("pruned")
    assert (found.record.outcome, found.record.exit_code) == ("invalid", 4)
    assert not found.sets, "nothing was timed"
    assert all(case.summary is None for case in found.group.cases)


def test_a_candidate_that_is_placed_elsewhere_in_part_is_invalid(planted):
    """6 % of its time on the CPU is too much, 3 % is not; each share is told."""
    scripts = {
        "dense": {},
        "much": {"latency_us": 500, "elsewhere": 0.06},
        "little": {"latency_us": 500, "elsewhere": 0.03},
    }
    found = planted(scripts, gate={"min_speedup": 1.2})
    assert found.comparison("much").verdict == "invalid"
    told = found.sentence("much")
    assert "FakeExecutionProvider spent 94% of the kernel time, and sim asks for 95%" in told
    assert "CPUExecutionProvider 6%" in told
    assert found.comparison("little").verdict == "faster"
    assert found.summary("little").placement.time_share == pytest.approx(
        {"FakeExecutionProvider": 0.97, "CPUExecutionProvider": 0.03}, abs=1e-3
    )
    assert {v.variant: v.outcome for v in found.record.verdicts} == {"much": "invalid", "little": "pass"}
    assert found.record.exit_code == 4
