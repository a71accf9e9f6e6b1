"""The runner `ort`: any provider of ONNX Runtime by profile alone, and nothing of it taken on trust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InputError, InvalidError
from xbench.profiles.finding import all_profiles
from xbench.records.profile import HardwareProfile
from xbench.runners import ort_any
from xbench.runners.ort_any import AnyProviderRunner
from xbench.runners.ort_known import unknown_option

AZURE = "AzureExecutionProvider"  # the CPU package offers it; it computes nothing


def profile(**options) -> HardwareProfile:
    return HardwareProfile(
        schema="xbench.profile/1", name="mine", title="Mine", runner="ort", options=options, evidence="never run"
    )


def model(folder: Path) -> Path:
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(made, folder / "m.onnx")
    return folder / "m.onnx"


def compared(folder: Path, **options):
    file = model(folder)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "mine.yaml").write_text(
        json.dumps(profile(**options).model_dump(mode="json", by_alias=True))
    )
    arguments = ("--hardware", "mine", "--profile-dir", "profiles", "--budget", "1s", "--quiet")
    command = [sys.executable, "-m", "xbench", "compare", file, file, *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=120)


def test_a_provider_that_takes_no_node_is_invalid(tmp_path):
    ended = compared(tmp_path, provider=AZURE)
    assert ended.returncode == 4
    assert f"{AZURE} spent 0% of the kernel time, and mine asks for 95%" in ended.stdout
    assert "CPUExecutionProvider 100%" in ended.stdout


def test_an_option_that_the_provider_does_not_know_is_told_before_anything_runs(tmp_path):
    ended = compared(tmp_path, provider=AZURE, provider_options={"warp_speed": "9"})
    assert ended.returncode == 2
    assert f"a provider option 'warp_speed' that {AZURE} does not know" in ended.stderr
    assert not (tmp_path / "results").exists()


def test_an_option_is_known_by_its_list_or_by_a_library_that_holds_the_word(tmp_path):
    assert unknown_option("QNNExecutionProvider", ["vtcm_mb"], [tmp_path]) == ("", "")
    assert unknown_option("QNNExecutionProvider", ["vtcm_nb"], [tmp_path]) == ("vtcm_nb", "vtcm_mb")
    (tmp_path / "libnew.so.1").write_bytes(b"\x7fELF..\0vtcm_nb\0..other_vtcm\0")
    assert unknown_option("QNNExecutionProvider", ["vtcm_nb"], [tmp_path]) == ("", "")
    assert unknown_option("QNNExecutionProvider", ["vtcm"], [tmp_path])[0] == "vtcm"


def test_a_provider_that_the_installed_runtime_lacks_is_unavailable_with_what_brings_it():
    here = AnyProviderRunner.probe(profile(provider="XnnpackExecutionProvider"))
    assert not here.available
    assert "has no XnnpackExecutionProvider: it has" in here.reason
    assert "--use_xnnpack" in here.remedy
    here = AnyProviderRunner.probe(profile(provider="QNNExecutionProvider", library="no_such_plugin"))
    assert here.reason == "the provider's package 'no_such_plugin' is not installed"
    assert AnyProviderRunner.probe(profile(provider=AZURE)).available


@pytest.mark.parametrize("provider", ort_any._OWN)
def test_providers_with_a_runner_of_their_own_are_left_to_it(provider):
    with pytest.raises(InputError, match=f"write runner: {ort_any._OWN[provider]}"):
        AnyProviderRunner.probe(profile(provider=provider))


def test_all_shipped_profiles_of_it_name_options_that_are_known():
    for one in all_profiles().values():
        if one.runner == "ort":
            options = AnyProviderRunner.check_options(one)
            assert unknown_option(options.provider, options.given, []) == ("", "")


def test_a_plug_in_that_ends_the_process_is_that_plug_in_s_fault(tmp_path, monkeypatch):
    """Asked in a process of its own."""
    (tmp_path / "crashing_plugin.py").write_text(
        "import os, signal\ndef get_library_path(): os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    here = AnyProviderRunner.probe(profile(provider="AcmeExecutionProvider", library="crashing_plugin"))
    assert not here.available
    assert "asking ONNX Runtime for crashing_plugin ended with signal SIGSEGV" in here.reason


class Device:
    """As ONNX Runtime describes a device of a provider."""

    def __init__(self, provider, kind):
        self.ep_name, self.device = provider, self
        self.type = self
        self.name = kind


def test_only_devices_of_the_provider_and_of_the_kind_are_added(tmp_path, monkeypatch):
    offered = (Device("CPUExecutionProvider", "CPU"), Device("Acme", "GPU"), Device("AcmeExecutionProvider", "NPU"))
    monkeypatch.setattr(ort_any, "registered_devices", lambda library: offered)
    added = []

    class Options:
        def add_provider_for_devices(self, devices, options):
            added.append((devices, options))

    chosen = profile(provider="AcmeExecutionProvider", library="acme", device="npu", provider_options={"a": "1"})
    runner = AnyProviderRunner(tmp_path / "m.onnx", "m", chosen)
    assert runner._providers(Options()) == {"enable_fallback": 0}
    assert added == [([offered[2]], {"a": "1"})]
    wrong = AnyProviderRunner(tmp_path / "m.onnx", "m", profile(**{**chosen.options, "device": "gpu"}))
    with pytest.raises(InvalidError, match="acme offers no device of AcmeExecutionProvider here"):
        wrong._providers(Options())
