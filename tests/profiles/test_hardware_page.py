"""docs/hardware-profiles.md says what is true: its tables come from the schema, its examples load."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from xbench.profiles.files import ProfileFile
from xbench.profiles.finding import all_profiles

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hardware-profiles.md"
if not PAGE.is_file():
    pytest.skip("the pages are not here: this runs in a checkout", allow_module_level=True)


def test_the_tables_are_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("suite_docs", ROOT / "scripts" / "suite_docs.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    old, schema = PAGE.read_text(), ProfileFile.model_json_schema(by_alias=True)
    assert script.page(old, schema, "profile file") == old, "run python scripts/suite_docs.py"


def test_the_examples_load_and_give_what_is_said(tmp_path):
    files = dict(re.findall(r"```yaml\n# file: (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert len(files) == 3
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    known = all_profiles([tmp_path])
    box, made, reserved = known["edge-box"], known["shop-server-cuda-fp32"], known["shop-server-reserved"]
    assert (box.runner, box.threads, box.currency) == ("cpu", 4, "EUR")
    assert "shop-server-tensorrt-fp16-sparse" in known
    assert "shop-server" not in known
    assert (made.requires.gpus, made.evidence, made.auto) == (("L4",), "never run", False)
    assert (reserved.cost_per_hour, reserved.requires.gpus) == (0.45, ("L4",))
