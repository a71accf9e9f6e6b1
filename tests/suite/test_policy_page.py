"""docs/policy.md says what is true: its tables come from the schema, its examples load, its units are the ones taken."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

from xbench.errors import InputError
from xbench.suite.policy import load_policy
from xbench.suite.rules import PolicySpec, json_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "policy.md"
if not PAGE.is_file():
    pytest.skip("the page comes with a checkout, not with the wheel", allow_module_level=True)


def test_the_tables_are_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("suite_docs", ROOT / "scripts" / "suite_docs.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page(PAGE.read_text(), json_schema(), "policy") == PAGE.read_text(), (
        "run python scripts/suite_docs.py"
    )


def test_the_examples_load(tmp_path):
    whole, *parts = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "p.yaml").write_text(whole)
    policy = load_policy(tmp_path / "p.yaml").policy
    assert whole == (ROOT / "examples" / "policies" / "release.yaml").read_text()
    assert [(rule.label, rule.bound, rule.unit) for rule in policy.gates] == [
        ("min_speedup", 1.0, "x"),
        ("max_latency_p99_ms", 50.0, "ms"),
        ("max_memory_mib against dense", 1.0, "x"),
        ("max_memory_mib", 2048.0, "MiB"),
        ("max_slice_drop", 0.1, ""),
    ]
    assert policy.waivers[0].gate in {rule.label for rule in policy.gates}
    one, several = (PolicySpec.model_validate(yaml.safe_load(part)).production for part in parts)
    assert [(len(one), one[0].run), len(several)] == [(1, ""), 2]


def test_every_unit_that_the_page_names_is_taken_and_no_other(tmp_path):
    gates = {
        "a ratio": {"gate": "min_speedup"},
        "a time": {"gate": "max_latency_p99_ms"},
        "a size": {"gate": "max_memory_mib"},
        "a share": {"gate": "max_error_rate"},
        "a drop": {"gate": "max_drop", "metric": "accuracy"},
    }
    rows = dict(re.findall(r"^\| (an? \w+) \| (.*?) \|", PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == gates.keys()
    units = ("x", "%", "us", "ms", "s", "min", "kB", "KB", "KiB", "MB", "MiB", "GB", "GiB", "B", "TiB", "pp")
    named = {
        kind: {text.strip("0123456789. ") for text in re.findall(r"`(.*?)`", cell)} for kind, cell in rows.items()
    }
    for kind, rule in gates.items():
        taken = set()
        for unit in units:
            document = {"schema": "xbench.policy/1", "gates": [{**rule, "bound": f"1 {unit}"}]}
            (tmp_path / "p.yaml").write_text(json.dumps(document))
            with contextlib.suppress(InputError):
                load_policy(tmp_path / "p.yaml")
                taken.add(unit)
        assert taken == named[kind], kind
