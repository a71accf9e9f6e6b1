"""The table of planted faults names tests that are there, and all modules of this folder and of planted reasons."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "planted-faults.md"
if not TABLE.is_file():
    pytest.skip("needs the checkout: there are no docs beside the tests", allow_module_level=True)


def test_every_test_of_the_table_is_where_it_says():
    there = {
        (path.name, node.name)
        for folder in (HERE, HERE.parent / "explaining")
        for path in folder.glob("test_planted_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    named = set()
    for section in TABLE.read_text().split("\n## ")[1:]:
        modules = re.findall(r"`(test_\w+\.py)`", section)
        for name in re.findall(r"`(test_\w+)`", section):
            homes = {(module, name) for module in modules} & there
            assert homes, f"{name} is not in {modules}"
            named |= homes
    assert {module for module, _ in named} == {module for module, _ in there} - {Path(__file__).name}
