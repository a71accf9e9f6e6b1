"""`xbench hardware list`, `show` and `check`."""

from __future__ import annotations

import platform

import pytest
import yaml

from .conftest import assert_clear_error

PROFILE = {"schema": "xbench.profile/1", "runner": "fake", "evidence": "never run"}
DOTTED = {"architectures": ["riscv128"], "cpu_flags": ["warp_drive"]}
FACTS = {"memory_gib": {"value": 80, "source": "a datasheet, 2026"}}


@pytest.fixture
def folder(tmp_path):
    """Three profiles where the command finds them unasked: of this machine, of another, and a part."""
    profiles = {
        "zz-here": {"title": "Mine", "requires": {"architectures": [platform.machine()]}, "facts": FACTS},
        "aa-there": {"title": "Another's", "requires": DOTTED},
        "base": {"abstract": True},
        "rude": {"title": "\x1b[31mred", "requires": {"architectures": ["\x1b[2J"]}},
    }
    (tmp_path / "hardware_profiles").mkdir()
    for name, keys in profiles.items():
        text = yaml.safe_dump({**PROFILE, "name": name, **keys})
        (tmp_path / "hardware_profiles" / f"{name}.yaml").write_text(text)
    return tmp_path


def test_the_list_tells_what_is_here_first_and_what_differs(folder, xbench):
    ended = xbench("hardware", "list")
    assert ended.code == 0, ended.err
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()[2:]}
    assert rows["cpu"][0] == rows["zz-here"][0] == "yes"
    assert rows["aa-there"][0] == "no"
    assert "base" not in rows
    order = [row[0] for row in rows.values()]
    assert order == sorted(order, reverse=True), "yes comes before no"
    (there,) = [line for line in ended.out.splitlines() if line.startswith("aa-there")]
    assert f"for riscv128, and this machine is {platform.machine()}; this CPU lacks warp_drive" in there
    assert "\x1b" not in ended.out
    assert "aa-there" not in xbench("hardware", "list", "--here").out


def test_a_profile_is_shown_whole_and_can_be_written_back(folder, xbench):
    ended = xbench("hardware", "show", "zz-here")
    assert ended.code == 0, ended.err
    assert "# from hardware_profiles/zz-here.yaml" in ended.out.replace(f"{folder}/", "")
    assert "# here: yes" in ended.out
    before, _, facts = ended.out.partition("\nfacts:")
    assert "has measured none of them" in before.splitlines()[-1]
    assert "a datasheet, 2026" in facts
    (folder / "hardware_profiles" / "zz-here.yaml").write_text(ended.out)
    assert xbench("hardware", "show", "zz-here").out == ended.out
    other = xbench("hardware", "show", "aa-there").out
    assert "# here: no" in other
    assert "#   this CPU lacks warp_drive" in other
    assert "--as-is" in other
    assert "\x1b" not in xbench("hardware", "show", "rude").out
    assert_clear_error(xbench("hardware", "show", "base"), 2, "'base'")
    assert_clear_error(xbench("hardware", "show", "auto"), 2, "'auto'")


def test_a_check_ends_with_a_code_that_tells(folder, xbench):
    ended = xbench("hardware", "check", "zz-here", "cpu")
    assert (ended.code, len(ended.out.splitlines())) == (0, 2)
    ended = xbench("hardware", "check", "zz-here", "aa-there", "rude")
    assert (ended.code, len(ended.out.splitlines())) == (4, 3)
    assert "riscv128" in ended.out
    assert "warp_drive" in ended.out
    assert "\x1b" not in ended.out
    ended = xbench("hardware", "check")
    assert ended.code == 0
    assert "zz-here: yes" in ended.out
    assert "aa-there" not in ended.out
    assert_clear_error(xbench("hardware", "check", "cpu", "zz-hero"), 2, "did you mean 'zz-here'")
