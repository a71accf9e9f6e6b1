"""docs/suite.md against the schema: each key has a row, each row is a key, and they say the same."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

from xbench.suite.model import Suite, json_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "suite.md"
if not PAGE.is_file():
    pytest.skip("the page comes with a checkout, not with the wheel", allow_module_level=True)


def rows():
    """(heading, key) -> (default, description), read off the Markdown alone."""
    found, heading = {}, ""
    for line in PAGE.read_text().partition("## All keys")[2].splitlines():
        if line.startswith("### "):
            heading = line
        elif line.startswith("| `"):
            key, _, default, about = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            assert (heading, key) not in found, line
            found[heading, key.strip("`")] = (default, about.replace("\\|", "|"))
    return found


def test_each_key_has_a_row_and_each_row_is_a_key():
    schema = json_schema()
    objects = [schema, *schema["$defs"].values()]
    wanted = sorted(
        (key, " ".join(value["description"].split())) for one in objects for key, value in one["properties"].items()
    )
    assert sorted((key, about) for (_, key), (_, about) in rows().items()) == wanted


def test_defaults_are_the_schemas():
    schema = json_schema()
    simple = {
        (
            key,
            "required"
            if key in one.get("required", [])
            else "none"
            if value["default"] is None
            else value["default"],
        )
        for one in (schema, *schema["$defs"].values())
        for key, value in one["properties"].items()
        if not isinstance(value.get("default"), dict | list)
    }
    told = {
        (key, default if default in ("required", "none") else json.loads(default.strip("`")))
        for (_, key), (default, _) in rows().items()
        if default[:2] not in ("`{", "`[")
    }
    assert told == simple


def test_the_page_is_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("suite_docs", ROOT / "scripts" / "suite_docs.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page(PAGE.read_text(), json_schema()) == PAGE.read_text(), "run python scripts/suite_docs.py"


def test_the_example_on_the_page_is_the_shipped_one():
    text = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    shipped = (ROOT / "examples" / "minilm.yaml").read_text()
    assert Suite.model_validate(yaml.safe_load(text)) == Suite.model_validate(yaml.safe_load(shipped))
