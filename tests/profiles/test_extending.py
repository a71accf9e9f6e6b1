"""Profiles that build on each other: what wins, what is not handed on, and what is refused."""

from __future__ import annotations

import pytest
from profile_kit import read, write, write_part

from xbench.errors import InputError
from xbench.profiles import files
from xbench.profiles.finding import all_profiles, choose, shipped_profiles

FACT = {"value": 67, "source": "a datasheet"}


@pytest.fixture(autouse=True)
def no_folders_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_later_wins_and_the_file_itself_last_key_by_key(tmp_path):
    libraries = {"libraries": {"a": ">=1", "b": ">=1"}, "systems": ["linux"]}
    write_part(
        tmp_path / "p", "first", abstract=True, threads=1, requires=libraries, options={"x": 1, "deep": {"a": 1}}
    )
    requires = {"libraries": {"b": ">=2"}, "systems": ["plan9"]}
    write_part(tmp_path / "p", "second", abstract=True, threads=2, requires=requires, options={"y": 2, "x": [2]})
    write(tmp_path / "p", extends=["first", "second"], options={"deep": {"b": 3}}, precision="fp16")
    mine = read(tmp_path / "p")
    assert mine.threads == 2
    assert mine.precision == "fp16"
    assert mine.options == {"x": [2], "deep": {"a": 1, "b": 3}, "y": 2}
    assert mine.requires.libraries == {"a": ">=1", "b": ">=2"}
    assert mine.requires.systems == ("plan9",), "lists are replaced"
    swapped = write(tmp_path / "p", extends=["second", "first"])
    assert read(tmp_path / "p", swapped.stem).threads == 1


def test_what_two_build_on_counts_once_and_before_both(tmp_path):
    write_part(tmp_path / "p", "base", abstract=True, threads=1, currency="EUR")
    write_part(tmp_path / "p", "left", abstract=True, extends="base", threads=7)
    write_part(tmp_path / "p", "right", abstract=True, extends="base", currency="CHF")
    write(tmp_path / "p", extends=["left", "right"])
    assert (read(tmp_path / "p").threads, read(tmp_path / "p").currency) == (7, "CHF")


def test_where_a_profile_ran_its_child_has_not(tmp_path):
    write(tmp_path / "p", "parent", evidence="a machine", auto=False)
    write_part(tmp_path / "p", "mine", extends="parent", threads=1)
    assert read(tmp_path / "p", "parent").evidence == "a machine"
    assert read(tmp_path / "p").evidence == "never run"
    assert not read(tmp_path / "p").auto
    write_part(tmp_path / "p", "mine", extends="parent", evidence="another one")
    assert read(tmp_path / "p").evidence == "another one"


def test_a_figure_never_gets_the_source_of_another(tmp_path):
    facts = {"memory_gib": FACT, "peak_tops": {"fp32": FACT, "fp16": FACT}}
    write(tmp_path / "p", "parent", facts=facts, cost_per_hour=3.0, cost_source="a price list", currency="EUR")
    write_part(
        tmp_path / "p",
        "mine",
        extends="parent",
        cost_per_hour=2.0,
        facts={"peak_tops": {"fp16": {**FACT, "value": 9}}},
    )
    mine = read(tmp_path / "p")
    assert (mine.cost_per_hour, mine.cost_source, mine.currency) == (2.0, "", "EUR")
    assert (mine.facts.memory_gib.value, mine.facts.peak_tops["fp32"].value, mine.facts.peak_tops["fp16"].value) == (
        67,
        67,
        9,
    )
    write_part(tmp_path / "p", "mine", extends="parent", facts={"memory_gib": {"value": 94}})
    with pytest.raises(InputError, match=r"mine.yaml:.*facts.memory_gib.source: this key is missing"):
        read(tmp_path / "p")


def test_a_mistake_is_told_with_the_file_that_it_was_inherited_from(tmp_path):
    write(tmp_path / "p", "a-child", extends="parent")
    (tmp_path / "p/parent.yaml").write_text(
        "schema: xbench.profile/1\nname: parent\nabstract: true\nrequires:\n  system: [linux]\n"
    )
    with pytest.raises(InputError, match=r"^parent.yaml:5:3: requires.system: .*did you mean 'systems'"):
        read(tmp_path / "p")


def machines(folder):
    write(
        folder, "slow", title="Slow, fp32", options={"seed": 1}, evidence="somewhere", requires={"systems": ["linux"]}
    )
    write(folder, "fast", title="Fast, fp16", precision="fp16")
    keys = {"requires": {"gpus": ["X1"]}, "facts": {"memory_gib": FACT}, "cost_per_hour": 2.0, "auto": True}
    write_part(folder, "x1", title="The X1", setups=["slow", "fast"], options={"seed": 2}, **keys)


def test_a_machine_makes_a_profile_of_each_setup(tmp_path):
    machines(tmp_path / "p")
    known = all_profiles([tmp_path / "p"])
    slow, fast = known["x1-slow"], known["x1-fast"]
    assert slow.title == "The X1: Slow, fp32"
    assert slow.options == {"seed": 2}, "the machine comes after the setup"
    assert (slow.requires.systems, slow.requires.gpus) == (("linux",), ("X1",))
    assert fast.precision == "fp16"
    assert not slow.auto
    assert slow.evidence == "never run"
    assert [file.name for file in known.files["x1-slow"]] == ["slow.yaml", "x1.yaml"]
    with pytest.raises(InputError) as error:
        choose(["x1"], known)
    assert "x1-slow, x1-fast" in str(error.value)
    write_part(tmp_path / "p", "mine", extends="x1-fast", cost_per_hour=1.0)
    mine = read(tmp_path / "p")
    assert (mine.title, mine.cost_per_hour, mine.auto, mine.requires.gpus) == (
        "The X1: Fast, fp16",
        1.0,
        False,
        ("X1",),
    )


def test_a_machine_in_a_later_folder_takes_the_place_of_all_that_the_earlier_one_made(tmp_path):
    machines(tmp_path / "p")
    write_part(tmp_path / "q", "x1", title="My X1", setups=["slow"])
    known = all_profiles([tmp_path / "p", tmp_path / "q"])
    assert known["x1-slow"].title == "My X1: Slow, fp32"
    assert "x1-fast" not in known
    write_part(tmp_path / "q", "x1", title="My X1", setups=["slow"], runner="cpu")
    with pytest.raises(InputError, match=r"x1-slow.*is there already, with the runner 'fake'"):
        all_profiles([tmp_path / "p", tmp_path / "q"])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"mine": {"extends": "mine"}},
            "mine.yaml:3:1: a profile cannot build on itself\nit goes round: mine -> mine",
        ),
        (
            {"a": {"extends": ["slow", "b"]}, "b": {"extends": "c"}, "c": {"extends": "b"}},
            "it goes round: b -> c -> b",
        ),
        ({"m": {"title": "M", "setups": ["n"]}, "n": {"extends": "m-n"}}, "it goes round: "),
        ({"a": {"extends": ["slow", "slw"]}}, "a.yaml:5:3: extends: there is no hardware profile 'slw'"),
        ({"a": {"title": "A", "setups": ["slwo"]}}, "a.yaml:5:3: setups: there is no hardware profile 'slwo'"),
        (
            {"a": {"title": "A", "setups": ["slow"]}, "a-slow": {"extends": "slow"}},
            "a.yaml (setup slow): the profile 'a-slow' is there already\na-slow.yaml in",
        ),
        ({"a": {"setups": ["slow"]}}, "a.yaml:2:1: the profile 'a' needs a title"),
        ({"a": {"abstract": True, "thread": 1}}, "a.yaml:4:1: thread: there is no key of this name"),
        ({"a": {"extends": []}}, "a.yaml:1:1: title: this key is missing"),
        ({"a": {"extends": 5}}, "a.yaml:3:1: extends: "),
    ],
)
def test_what_cannot_be_put_together_is_refused(tmp_path, parts, words):
    write(tmp_path / "p", "slow")
    for name, keys in parts.items():
        write_part(tmp_path / "p", name, **keys)
    with pytest.raises(InputError) as error:
        all_profiles([tmp_path / "p"])
    assert words in str(error.value)


def test_two_files_of_a_folder_cannot_give_one_name(tmp_path):
    path = write(tmp_path / "p", "one")
    path.with_name("two.yaml").write_text(path.read_text())
    with pytest.raises(InputError, match=r"two.yaml: the profile 'one' is there already\none.yaml"):
        all_profiles([tmp_path / "p"])


def test_the_users_folders_are_looked_through_in_order(tmp_path):
    write(tmp_path / "config/xbench/hardware_profiles".replace("/", "_"), "unused")
    for index, folder in enumerate((tmp_path / "config/xbench/hardware_profiles", tmp_path / "hardware_profiles")):
        folder.mkdir(parents=True)
        write(folder, "mine", threads=index + 1)
        write(folder, f"only{index}")
    assert {"only0", "only1"} <= set(all_profiles())
    assert read(tmp_path / "hardware_profiles").threads == 2
    write(tmp_path / "p", "mine", threads=3)
    assert read(tmp_path / "p").threads == 3
    assert "mine" not in shipped_profiles()


def test_a_copy_of_the_shipped_files_adds_nothing(tmp_path, monkeypatch):
    shipped = shipped_profiles()
    folder = tmp_path / "hardware_profiles"
    folder.mkdir()
    for paths in shipped.files.values():
        for path in paths:
            (folder / path.name).write_text(path.read_text())
    (tmp_path / "config/xbench/hardware_profiles").mkdir(parents=True)
    write(tmp_path / "config/xbench/hardware_profiles", "cpu", runner="cpu", title="My own")
    read_again = []
    monkeypatch.setattr(
        files, "_read", lambda path, text, read=files._read: read_again.append(path) or read(path, text)
    )
    known = all_profiles()
    assert not [path for path in read_again if path.parent == folder]
    assert set(known) == set(shipped)
    assert known["cpu"].title == "My own"
