"""`xbench gate`: a recorded run is decided again, by its own policy or by another one, and stays as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime

import pytest
import yaml
from road_kit import in_this_process, journey, write_suite, xbench

from xbench.cli.gating import gate_run
from xbench.errors import InputError, InvalidError, StoreError

SCRIPTS = {"dense": {"latency_us": 1000}, "half": {"latency_us": 500}, "same": {"latency_us": 1000}}
WAIVER = {"gate": "min_speedup", "hardware": "sim", "reason": "known", "who": "Ada", "until": "2030-06-30"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run: `half` passes its gate on speed, and `same` does not."""
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        suite = write_suite(tmp_path_factory.mktemp("made"), SCRIPTS, gate={"min_speedup": 1.5})
        return journey(suite)


@pytest.fixture
def results(made, tmp_path):
    """A copy of its results folder that a test may spoil."""
    _, folder = made
    shutil.copytree(folder.path.parent, tmp_path / "results")
    return tmp_path / "results"


def contents(folder):
    return {
        file: (file.read_bytes(), file.stat().st_mtime_ns) for file in sorted(folder.rglob("*")) if file.is_file()
    }


def write_policy(folder, **keys):
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({"schema": "xbench.policy/1", **keys}))
    return path


def gated(results, capsys, **options):
    code = gate_run("last", results, **options)
    return code, capsys.readouterr().out


def test_it_gives_the_recorded_verdicts_and_the_samples_that_decided_and_writes_nothing(made, results, capsys):
    record, _ = made
    before = contents(results)
    code, out = gated(results, capsys)
    assert (code, record.exit_code) == (1, 1)
    assert contents(results) == before
    assert "Not as recorded" not in out
    assert "Decided after the fact" not in out
    (run,) = results.glob("*Z-*")
    for verdict in record.verdicts:
        (sample,) = verdict.samples
        digest = hashlib.sha256(b"".join((run / name).read_bytes() for name in sample.files)).hexdigest()
        assert (sample.sha256, sample.units) == (digest, "process sets")
        assert f"{verdict.variant} on sim, default: min_speedup 1.5x: {verdict.outcome}: " in out
        assert f"decided on {sample.count} process sets in {len(sample.files)} files, SHA-256 {digest[:12]}..." in out


def test_a_borderline_case_has_one_verdict_however_often_it_is_decided(made, results, capsys, tmp_path):
    """The bound lies in the middle of the interval: nothing but the samples may have a say."""
    record, _ = made
    point = next(one.estimate.point for one in record.verdicts if one.variant == "half")
    policy = write_policy(tmp_path, gates=[{"gate": "min_speedup", "bound": point, "confidence": 0.9}])
    first = gated(results, capsys, policy_file=policy, on="2026-06-30")
    assert "inconclusive" in first[1]
    assert {gated(results, capsys, policy_file=policy, on="2026-06-30") for _ in range(3)} == {first}
    code, out, _ = xbench("gate", "last", "--output", results, "--policy", policy, "--on", "2026-06-30")
    assert (code, out) == first, "in another process too"


def test_another_policy_is_told_to_be_one_of_after_the_fact(results, capsys, tmp_path):
    policy = write_policy(tmp_path, name="phones", gates=[{"gate": "max_latency_p99_ms", "bound": "2 ms"}])
    code, out = gated(results, capsys, policy_file=policy)
    digest = hashlib.sha256(policy.read_bytes()).hexdigest()
    assert code in (1, 3), "the gate of its suite holds as well"
    assert f"Decided after the fact: the policy of SHA-256 {digest[:12]}... is not the one" in out
    assert "measured with (none, beside the gates of its suite)" in out
    assert f"policy: phones, SHA-256 {digest[:12]}..." in out


@pytest.mark.parametrize(("day", "code"), [("2030-06-30", 0), ("2030-07-01", 1)])
def test_a_waiver_of_later_lets_it_ship_until_its_last_day(results, capsys, tmp_path, day, code):
    policy = write_policy(tmp_path, waivers=[WAIVER])
    found, out = gated(results, capsys, policy_file=policy, on=day)
    assert found == code
    assert ("waived by Ada until 2030-06-30: known" in out) is (code == 0)
    assert ("the waiver of Ada ended on 2030-06-30" in out) is (code == 1)
    assert "Gate: fail" in out, "whoever waives it"


def test_today_is_the_day_where_none_is_named(results, capsys, tmp_path):
    today = datetime.now(UTC).date().isoformat()
    policy = write_policy(tmp_path, waivers=[{**WAIVER, "until": today}])
    assert gated(results, capsys, policy_file=policy)[0] == 0


def test_rules_for_variants_of_other_suites_are_not_held_and_that_is_told(results, capsys, tmp_path):
    rule = {"gate": "min_speedup", "bound": 77, "variants": ["hallf"]}
    _, out = gated(results, capsys, policy_file=write_policy(tmp_path, gates=[rule]))
    assert "Not held: the policy's rule min_speedup names 'hallf'" in out
    assert "did you mean 'half'?" in out
    assert "77x" not in out


@pytest.mark.parametrize(
    "keys",
    [
        {"waivers": [{**WAIVER, "gate": "max_drop.mrr"}]},
        {"waivers": [{**WAIVER, "hardware": "simm"}]},
        {"gates": [{"gate": "min_speedup", "bound": 2, "hardware": ["simm"]}]},
        {"gates": [{"gate": "min_speedup", "bound": 2, "against": "production"}], "production": {"variant": "hallf"}},
        {"gates": [{"gate": "privacy", "bound": 2}]},
    ],
)
def test_a_policy_that_can_never_be_meant_is_refused(results, tmp_path, keys):
    with pytest.raises(InputError):
        gate_run("last", results, write_policy(tmp_path, **keys))


def test_the_version_in_production_of_the_same_run(results, capsys, tmp_path):
    rule = {"gate": "min_speedup", "bound": 0.4, "against": "production"}
    policy = write_policy(tmp_path, gates=[rule], production={"variant": "half"})
    _, out = gated(results, capsys, policy_file=policy)
    assert "same on sim, default: min_speedup against production 0.4x: pass: against half: " in out
    assert "half on sim, default: min_speedup against production" not in out


@pytest.mark.parametrize("name", ["run.json", "suite.yaml", "samples/g00-set000.npz", "cases.json", "manifest.json"])
@pytest.mark.parametrize("spoil", ["edited", "cut off", "gone"])
def test_a_file_that_is_not_what_was_sealed_is_named(results, name, spoil):
    (run,) = results.glob("*Z-*")
    file = run / name
    content = file.read_bytes()
    if spoil == "gone":
        if name == "run.json":
            pytest.skip("a folder without a record is no run")
        file.unlink()
    else:
        file.write_bytes(content.replace(b"1", b"2") if spoil == "edited" else content[: len(content) // 2])
    with pytest.raises(InvalidError, match=name.replace(".", r"\.")) as raised:
        gate_run("last", results)
    assert raised.value.exit_code == 4


def test_a_record_of_a_newer_schema_is_no_damage(results):
    (run,) = results.glob("*Z-*")
    record, manifest = run / "run.json", run / "manifest.json"
    old = hashlib.sha256(record.read_bytes()).hexdigest()
    record.write_text(record.read_text().replace('"xbench.run/3"', '"xbench.run/9"', 1))
    new = hashlib.sha256(record.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(StoreError, match=r"has the schema 'xbench\.run/9'"):
        gate_run("last", results)


def test_a_day_that_is_none_and_data_of_what_was_decided(results, capsys, tmp_path):
    with pytest.raises(InputError, match="no day"):
        gate_run("last", results, on="31.12.2026")
    policy = write_policy(tmp_path, waivers=[WAIVER])
    code, out = gated(results, capsys, policy_file=policy, on="2030-06-30", json_file="-")
    data = json.loads(out)
    assert (code, data["exit_code"], data["outcome"], data["decided_on"]) == (0, 0, "fail", "2030-06-30")
    assert {one["variant"]: (one["ships"], one["waived"]) for one in data["decisions"]} == {
        "half": (True, []),
        "same": (True, ["min_speedup"]),
    }
