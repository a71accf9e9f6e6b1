"""docs/runners.md against the runners: each option has a row that says what its model says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from xbench.plugins import RUNNERS, runner_class
from xbench.records.profile import HardwareProfile

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "runners.md"
if not PAGE.is_file():
    pytest.skip("the page comes with a checkout, not with the wheel", allow_module_level=True)


def sections():
    """heading -> {option: row}, read off the Markdown alone."""
    found, rows = {}, {}
    for line in PAGE.read_text().partition("## All options")[2].splitlines():
        if line.startswith("### "):
            rows = found.setdefault(line.removeprefix("### ").strip("`"), {})
        elif line.startswith("| `"):
            option, _, default, about = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            rows[option.strip("`")] = (default, about.replace("\\|", "|"))
    return found


@pytest.mark.parametrize("runner", RUNNERS)
def test_each_option_has_a_row_in_its_runner_s_words(runner):
    told = sections()
    shared = told["Options of every provider of ONNX Runtime"]
    schema = runner_class(runner).options_type.model_json_schema(by_alias=True)
    rows = {key: value for key, value in shared.items() if key in schema["properties"]} | told[runner]
    assert {key: about for key, (_, about) in rows.items()} == {
        key: " ".join(value["description"].split()) for key, value in schema["properties"].items()
    }
    simple = {key: value["default"] for key, value in schema["properties"].items() if "default" in value}
    for key, default in simple.items():
        wanted = "none" if default in (None, "") else str(default).lower() if isinstance(default, bool) else None
        assert wanted is None or rows[key][0].strip("`") == wanted, key


def test_the_page_is_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("runner_docs", ROOT / "scripts" / "runner_docs.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page(PAGE.read_text()) == PAGE.read_text(), "run python scripts/runner_docs.py"


def test_it_is_written_without_any_runtime():
    """What CI without optional libraries does: each import of them fails."""
    code = (
        "import sys\n"
        "for name in ('onnxruntime', 'openvino', 'torch'): sys.modules[name] = None\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import runner_docs\n"
        "text = runner_docs.PAGE.read_text()\n"
        "sys.exit(runner_docs.page(text) != text)"
    )
    command = [sys.executable, "-c", code, str(ROOT / "scripts")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_the_profiles_on_the_page_can_be_used():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        profile = HardwareProfile.model_validate(yaml.safe_load(block))
        runner_class(profile.runner).check_options(profile)
