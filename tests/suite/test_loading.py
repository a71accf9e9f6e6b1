from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import pytest
import yaml

from xbench.errors import InputError
from xbench.suite.loading import default_suite, load_suite
from xbench.suite.model import Suite, json_schema
from xbench.suite.rules import json_schema as policy_schema

BASE = """\
schema: xbench.suite/1
name: t
model: {transformers: m}
variants:
  - {name: dense, baseline: true}
"""
EXAMPLES = sorted(Path(str(resources.files("xbench.examples"))).glob("*.yaml"))


@pytest.fixture
def load(tmp_path):
    def loaded(text: str | bytes):
        path = tmp_path / "s.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_suite(path)

    return loaded


@pytest.fixture
def refusal(load):
    def refused(text: str | bytes) -> str:
        with pytest.raises(InputError) as error:
            load(text)
        assert error.value.exit_code == 2
        return str(error.value)

    return refused


def variant(text: str) -> str:
    return f"{BASE}  - {text}\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_load(path):
    assert load_suite(path).suite.baseline.name == "dense"
    assert default_suite() in EXAMPLES


def test_paths_start_from_the_suites_folder(load, tmp_path):
    loaded = load(BASE)
    assert loaded.path("a/../m.onnx") == tmp_path / "m.onnx"
    assert loaded.path("/m.onnx") == Path("/m.onnx")
    with pytest.raises(InputError, match="cannot be used"):
        loaded.path("a\0b")


@pytest.mark.parametrize(
    ("text", "where", "near"),
    [
        (BASE + "gates: {}\n", "6:1: gates", "gate"),
        (BASE.replace("transformers: m", "transformers: m, pakage: p"), "3:26: model.pakage", "package"),
        (variant("{name: a, base_line: true}"), "6:15: variants.1.base_line", "baseline"),
        (BASE + "gate: {min_speed: 1}\n", "6:8: gate.min_speed", "min_speedup"),
        (variant("{name: a, gate: {maxdrop: {}}}"), "6:22: variants.1.gate.maxdrop", "max_drop"),
        (BASE + "workloads:\n  - name: a\n    axis: {}\n", "8:5: workloads.0.axis", "axes"),
        (BASE + "measure:\n  time-limit: 3s\n", "7:3: measure.time-limit", "time_limit"),
        (
            variant("{name: a, prune: {method: magnitude, sparsity: 0.5, scop: layer}}"),
            "variants.1.prune.scop",
            "scope",
        ),
        (variant('{name: a, prune: {method: "n:m", inclde: []}}'), "6:38: variants.1.prune.inclde", "include"),
        (variant("{name: a, prune: {method: structured, heds: 0.5}}"), "6:43: variants.1.prune.heds", "heads"),
        (
            BASE + "evaluate: {task: retrieval, dataset: docstrings, poling: cls}\n",
            "6:50: evaluate.poling",
            "pooling",
        ),
        (BASE + "evaluate: {task: classification, dataset: digits, imput: x}\n", "6:51: evaluate.imput", "input"),
        (
            BASE.replace("{transformers: m}", '{factory: "a:b", inputs: {x: {shape: [1], dtyp: int64}}}'),
            "3:50: model.inputs.x.dtyp",
            "dtype",
        ),
    ],
)
def test_an_unknown_key_is_told_with_its_place_and_the_nearest_one(refusal, text, where, near):
    message = refusal(text)
    assert f"s.yaml:{where}" in message or f": {where}" in message
    assert f"did you mean {near!r}?" in message


def test_a_key_that_is_like_no_other_lists_the_known_ones_of_its_branch_only(refusal):
    message = refusal(variant("{name: a, prune: {method: structured, heads: 0.5, zzz: 1}}"))
    assert (
        "known are channels, exclude, heads, importance, include, layers, loss, method, neurons, remove, round_to"
        in message
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            variant("{name: a, prune: {method: magnitud, sparsity: 0.5}}"),
            "'method' cannot be 'magnitud'; did you mean",
        ),
        (variant("{name: a, prune: {sparsity: 0.5}}"), "6:15: variants.1.prune: the key 'method' is missing"),
        (variant("{name: a, prune: {method: magnitude}}"), "variants.1.prune.sparsity: this key is missing"),
        (variant("{name: a, prune: {method: structured}}"), "6:15: variants.1.prune: name at least one of channels"),
        (variant('{name: a, prune: {method: "n:m", n: 4}}'), "n (4) must be below m (4)"),
        (BASE.replace("name: t\n", ""), "name: this key is missing"),
        (BASE.replace("suite/1", "suite/2"), "1:1: schema: this should be 'xbench.suite/1'"),
        (BASE.replace("variants:\n  - {name: dense, baseline: true}", "variants: []"), "list should not be empty"),
        (BASE.replace("name: dense", "name: ~"), "5:6: variants.0.name: this should be text"),
        (BASE + "hardware: auto\n", "6:1: hardware: this should be a list"),
        (BASE + "gate: fast\n", "6:1: gate: this should be a mapping"),
        (BASE + "gate: {min_speedup: yes}\n", "6:8: gate.min_speedup: this should be a valid number"),
        (BASE + 'gate: {min_speedup: "1.2"}\n', "this should be a valid number"),
        (BASE + "gate: {max_drop: {accuracy: 5%}}\n", "6:19: gate.max_drop.accuracy: this should be a valid number"),
        (BASE + "gate: {max_drop: {accuracy: .nan}}\n", "gate.max_drop.accuracy"),
        (BASE + "gate: {min_speedup: .inf}\n", "gate.min_speedup"),
        (BASE + "workloads: [{name: a, batch: true}]\n", "6:23: workloads.0.batch: this should be a valid integer"),
        (BASE + "measure: {budget: 1 fortnight}\n", "write 30s, 500ms or 2min"),
        (BASE + "measure: {precision: 100%}\n", "measure.precision: this should be less than 1"),
        (variant("{name: b, baseline: true}"), "exactly one variant has `baseline: true`; here: dense, b"),
        (BASE.replace(", baseline: true", ""), "exactly one variant has `baseline: true`; here: none"),
        (variant("{name: dense}"), "two variants have the same name: dense"),
        (BASE + "workloads: [{name: w}, {name: w}]\n", "two workloads have the same name: w"),
        (variant("{name: dense (A/A)}"), "second copy"),
        (BASE.replace("baseline: true", "baseline: true, gate: {min_speedup: 2}"), "the baseline has no gate"),
        (variant("{name: a, onnx: a.onnx, prune: {method: magnitude, sparsity: 0.5}}"), "finished ONNX file"),
        (variant('{name: a, onnx: a.onnx, finetune: "a:b"}'), "finished ONNX file"),
        (BASE.replace("transformers: m", "onnx: m.onnx") + '  - {name: a, finetune: "a:b"}\n', "pruned or trained"),
        (
            BASE.replace("transformers: m", "onnx: m.onnx")
            + "  - {name: a, prune: {method: magnitude, sparsity: 0.5}}",
            "pruned or trained",
        ),
        (BASE.replace("transformers: m", "onnx: m.onnx, opset: 20"), "leave out exporter, opset and slim"),
        (BASE.replace("transformers: m", "transformers: m, inputs: {x: {shape: [1]}}"), "inputs go with factory"),
        (BASE.replace("transformers: m", "transformers: m, onnx: o"), "exactly one of transformers, factory, onnx"),
        (BASE.replace("transformers: m", "package: p"), "here: none"),
        (BASE.replace("model: {transformers: m}\n", ""), "without a model, each variant must be an ONNX file"),
        (BASE.replace("transformers: m", 'factory: "a:b"'), "a factory needs inputs"),
        (BASE.replace("transformers: m", 'factory: "os.system(1)"'), "3:9: model.factory"),
    ],
)
def test_what_cannot_be_meant_is_refused(refusal, text, words):
    assert words in refusal(text)


@pytest.mark.parametrize("value", ["1.0", "0", "-1", ".nan", ".inf", "-.inf", "true", '"0.5"', "[0.5]", "~"])
@pytest.mark.parametrize("recipe", ["method: magnitude, sparsity: ", "method: structured, neurons: 0.5, heads: "])
def test_shares_lie_strictly_between_nothing_and_everything(refusal, load, recipe, value):
    text = variant("{name: a, prune: {%s%s}}" % (recipe, value))  # noqa: UP031
    if value == "~" and "heads" in recipe:
        assert load(text).suite.variants[1].prune.heads is None
    else:
        assert "s.yaml:6:" in refusal(text)


@pytest.mark.parametrize("word", ["no", "off", "1:30", "2.5", "0x10", "~"])
def test_names_that_yaml_takes_for_something_else_are_refused_with_advice(refusal, word):
    assert "6:6: variants.1.name: this should be text; put quotes around it" in refusal(variant(f"{{name: {word}}}"))


@pytest.mark.parametrize("word", ["2024-01-01", "2024-99-99", "1e5", "=", "n:m", '"no"'])
def test_names_stay_what_was_written(load, word):
    assert load(variant(f"{{name: {word}}}")).suite.variants[1].name == word.strip('"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [x]\nb: [*a, *a]\n", "1:4: anchors and aliases"),
        (BASE + "<<: {name: u}\n", "6:1: this key is not taken"),
        (BASE + "x: !!python/object/apply:os.system [ls]\n", "6:4: the tag"),
        (BASE + "x: !!bool maybe\n", "6:4: the tag"),
        (BASE + "x: !!timestamp foo\n", "6:4: the tag"),
        (BASE + "x: !foo bar\n", "6:4: the tag"),
        (BASE + "name: u\n", "6:1: the key 'name' stands here twice"),
        (BASE + "? [a]\n: 1\n", "keys are plain words"),
        (BASE + "---\n" + BASE, "another document"),
        (BASE + "x: [1\n", "s.yaml:"),
        (BASE + "x: 0b_\n", "6:4: '0b_' is no number"),
        (BASE + "x: " + "9" * 5000 + "\n", "is no number"),
        (BASE + "x: " + "[" * 60 + "]" * 60 + "\n", "nested more than 40 deep"),
        ("[" * 400_000, "no YAML that can be read"),
        ("".join(" " * i + "a:\n" for i in range(1200)), "no YAML that can be read"),
        (BASE + "# \x00\n", "no YAML that can be read"),
        (b"name: \xff\n", "cannot be read"),
        (BASE.encode("utf-16"), "cannot be read"),
        (b"#" * 1_000_001, "has more than 1,000,000 bytes"),
        ("", "a suite is a mapping of keys"),
        ("- a\n", "a suite is a mapping of keys"),
    ],
)
def test_hostile_and_broken_files_are_refused_quickly(refusal, text, words):
    began = time.monotonic()
    assert words in refusal(text)
    assert time.monotonic() - began < 5


def test_thousands_of_errors_are_told_by_the_first_three(refusal):
    began = time.monotonic()
    message = refusal(BASE + "".join(f"k{i}: 1\n" for i in range(20_000)))
    assert message.count("there is no key") == 3
    assert "and 19997 more" in message
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", [".", "absent.yaml", "x" * 300])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(InputError):
        load_suite(tmp_path / name)


def check(schema, root, value):
    """The part of JSON Schema 2020-12 that pydantic writes for a suite, by hand."""
    if "$ref" in schema:
        return check(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, value)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return any(check(branch, root, value) for branch in schema[key])
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        return (
            isinstance(value, dict)
            and set(schema.get("required", [])) <= set(value)
            and all(
                check(known[k], root, v) if k in known else more and check(more, root, v) for k, v in value.items()
            )
        )
    if kind == "array":
        return isinstance(value, list) and all(check(schema["items"], root, item) for item in value)
    if "const" in schema:
        return value == schema["const"]
    if "enum" in schema:
        return value in schema["enum"]
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


def test_the_json_schema_is_one_and_takes_the_examples():
    schema = json_schema()
    texts = [yaml.safe_load(path.read_text()) for path in EXAMPLES]
    assert all(check(schema, schema, data) for data in texts)
    assert not check(schema, schema, {**texts[0], "gates": {}})
    known = {"$defs", "$ref", "type", "properties", "required", "additionalProperties", "items", "anyOf", "oneOf"}
    known |= {"const", "enum", "default", "description", "title", "examples", "pattern", "discriminator"}
    known |= {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    }

    def walk(place):
        assert set(place) <= known, set(place) - known
        for part in (*place.get("properties", {}).values(), *place.get("$defs", {}).values()):
            walk(part)
        for key in ("anyOf", "oneOf"):
            for part in place.get(key, ()):
                walk(part)
        for key in ("items", "additionalProperties"):
            if isinstance(place.get(key), dict):
                walk(place[key])

    walk(schema)
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    for data in texts:
        jsonschema.validate(data, schema)


def test_the_json_schema_of_a_policy_takes_one_version_in_production_or_several():
    schema = policy_schema()
    rules = [
        {"gate": "max_latency_p99_ms", "bound": "12 ms", "confidence": "99 %"},
        {"gate": "min_speedup", "bound": 1.2, "against": "value", "value": 3},
    ]
    for production in ({"variant": "a"}, [{"variant": "a", "hardware": ["cpu"]}]):
        policy = {"schema": "xbench.policy/1", "gates": rules, "production": production, "again": {"budget": "2min"}}
        assert check(schema, schema, policy)
        assert not check(schema, schema, {**policy, "gate": []})
        within = {name: value for name, value in policy.items() if name != "schema"}
        whole, suite = json_schema(), yaml.safe_load(EXAMPLES[0].read_text())
        assert not check(schema, schema, within)
        assert check(whole, whole, {**suite, "policy": within})
    assert check(whole, whole, {**suite, "policy": "release.policy.yaml"})
    assert not check(schema, schema, {**policy, "gates": [{"gate": "privacy", "bound": 1}]})


def test_a_suite_survives_its_own_json():
    suite = load_suite(EXAMPLES[0]).suite
    assert Suite.model_validate(suite.model_dump(mode="json", by_alias=True)) == suite
