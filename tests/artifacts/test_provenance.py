"""What a file says of its own making is held against the file, whoever opens it."""

from __future__ import annotations

import json

import onnx
import pytest
from artifact_kit import changed, exported, model

from xbench.artifacts.describing import describe
from xbench.artifacts.keeping import add_provenance, keep, write_sidecar
from xbench.errors import InvalidError
from xbench.profiles.finding import reference_profile
from xbench.road.cautioning import cautions

ZEROS, ELEMENTS = 64 * 12, 64 * 48 + 48 * 16


def test_a_file_that_is_as_it_was_made_is_believed(tmp_path) -> None:
    found = describe(exported(tmp_path / "a"), "v")
    assert found.provenance_fault == ""
    assert found.provenance["xbench.graph_sha256"] == found.graph_sha256
    assert json.loads(found.provenance["xbench.audit"]) == {"elements": ELEMENTS, "zeros": ZEROS}


def test_a_foreign_file_has_nothing_to_be_believed(tmp_path) -> None:
    onnx.save(model(), tmp_path / "m.onnx")
    found = describe(tmp_path / "m.onnx", "v")
    assert (found.provenance_fault, found.provenance) == ("", {})


def test_a_file_that_another_tool_changed_is_not_believed(tmp_path) -> None:
    path = exported(tmp_path / "a")
    changed(path)
    found = describe(path, "theirs")
    assert "another graph" in found.provenance_fault
    now = 64 * 48 - 40 * 36
    assert (
        f"tells of {ZEROS} zeros among {ELEMENTS} weights, and the file holds {now} zeros" in found.provenance_fault
    )
    assert not any(key.startswith("xbench.") for key in found.provenance)
    same = describe(exported(tmp_path / "b"), "base")
    (told,) = cautions(reference_profile(), same, found, {})
    assert told.startswith("what the file of theirs says of its making is not believed")
    with pytest.raises(InvalidError, match="not the one that its provenance was written for"):
        keep(path, "theirs", tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        (
            "xbench.audit",
            '{"elements": 1, "zeros": 1}',
            f"tells of 1 zeros among 1 weights, and the file holds {ZEROS}",
        ),
        ("xbench.audit", "[", "an audit that cannot be read"),
        ("xbench.graph_sha256", "0" * 64, r"another graph \(sha256 0000000000000000\.\.\."),
        ("xbench.graph_sha256", None, "holds no digest of the graph"),
    ],
)
def test_metadata_that_were_changed_are_not_believed(tmp_path, key, value, fault) -> None:
    path = exported(tmp_path / "a")
    found = onnx.load(path)
    props = {prop.key: prop.value for prop in found.metadata_props} | {key: value}
    del found.metadata_props[:]
    onnx.helper.set_model_props(found, {key: value for key, value in props.items() if value is not None})
    onnx.save(found, path)
    with pytest.raises(AssertionError, match=fault):
        assert describe(path, "v").provenance_fault == ""


def test_other_metadata_and_documentation_do_no_harm(tmp_path) -> None:
    path = exported(tmp_path / "a")
    found = onnx.load(path)
    found.metadata_props.add(key="author", value="somebody")
    found.graph.doc_string = "hello"
    found.producer_name = "another tool"
    onnx.save(found, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    again = describe(path, "v")
    assert again.provenance_fault == ""
    assert again.provenance["author"] == "somebody"


@pytest.mark.parametrize("inline_bytes", [1 << 30, 1000])
def test_the_sidecar_is_held_against_the_file_too(tmp_path, inline_bytes) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    artifact = keep(exported(tmp_path / "a", inline_bytes), "v", kept)
    write_sidecar(artifact, kept)
    assert describe(tmp_path / artifact.path, "v").provenance_fault == ""
    sidecar = kept / f"{artifact.sha256}.json"
    told = json.loads(sidecar.read_text())
    told["audit"]["zeros"] = 1
    sidecar.write_text(json.dumps(told))
    assert "its sidecar tells of 1 zeros among" in describe(tmp_path / artifact.path, "v").provenance_fault
    sidecar.write_text(json.dumps(told | {"sha256": "0" * 64}))
    assert "its sidecar describes another file" in describe(tmp_path / artifact.path, "v").provenance_fault
    sidecar.write_text("{}")
    assert "cannot be read as the description" in describe(tmp_path / artifact.path, "v").provenance_fault


def test_older_provenance_is_replaced_and_none_of_it_stays(tmp_path) -> None:
    path = exported(tmp_path / "a")
    changed(path)
    add_provenance(path, {"recipe": "null"})
    found = describe(path, "v")
    assert found.provenance_fault == ""
    assert set(found.provenance) == {"xbench.recipe", "xbench.graph_sha256", "xbench.audit"}
