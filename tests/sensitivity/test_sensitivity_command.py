"""`xbench sensitivity` as a user starts it: a planted culprit is named and spared, and nothing is made of nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch")
pytest.importorskip("sklearn", reason="F1 is scikit-learn's")

from xbench.cli.sensitivity import as_text, look_and_show, verdict  # noqa: E402
from xbench.cli.view import QuietView  # noqa: E402
from xbench.errors import InputError, InterruptedRunError  # noqa: E402
from xbench.progress import Journey  # noqa: E402
from xbench.sensitivity.asking import Asked  # noqa: E402
from xbench.sensitivity.lab import Lab  # noqa: E402
from xbench.sensitivity.story import look  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402

# What the classes hang on goes through `culprit`; the others whisper.
NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.before, self.after = nn.Linear(12, 32), nn.Linear(32, 4)
        self.aside, self.culprit = nn.Linear(12, 4), nn.Linear(12, 4, bias=False)
        for part in (self.before, self.after, self.aside):
            part.weight.data *= 1e-3
        self.culprit.weight.data = torch.eye(4).repeat(1, 3) + 0.3 * torch.randn(4, 12)

    def forward(self, x):
        return self.culprit(x) + self.aside(x) + self.after(torch.relu(self.before(x)))


def make():
    return Net().eval()
"""
SUITE = """\
schema: xbench.suite/1
name: planted
model: {factory: net:make, inputs: {x: {shape: [batch, 12]}}}
variants:
  - {name: dense, baseline: true}
  - {name: other, prune: {method: magnitude, sparsity: 0.2}}
  - {name: sparse, prune: {method: random, sparsity: 0.6, seed: 1}, expect: {speedup: 2.0}}
  - {name: harmless, prune: {method: random, sparsity: 0.6, include: [before, after, aside]}}
  - {name: narrow, prune: {method: structured, neurons: 0.5}}
evaluate: {task: classification, dataset: {file: data.npz, id: name}, metrics: [accuracy, f1_macro]}
gate: {max_drop: {accuracy: 0.05}}
"""
EXAMPLES = 400


def write(folder, net=NET):
    (folder / "net.py").write_text(net)
    space = {}
    exec(net, space)  # noqa: S102
    x = np.random.default_rng(0).standard_normal((EXAMPLES, 12)).astype(np.float32)
    with torch.no_grad():
        label = space["make"]()(torch.from_numpy(x)).argmax(1).numpy()
    np.savez(folder / "data.npz", x=x, label=label, name=np.array([f"row-{n}" for n in range(EXAMPLES)]))
    (folder / "s.yaml").write_text(SUITE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def command(folder):
    """The real command, as a user starts it."""
    options = ["--variant", "sparse", "--output", "out", "--json", "found.json", "--trust"]
    done = subprocess.run(
        [sys.executable, "-m", "xbench", "sensitivity", "s.yaml", *options],
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(out=done.stdout, data=json.loads((folder / "found.json").read_text()))


def ask(folder, **asked):
    """The same in this process."""
    return look(load_suite(folder / "s.yaml"), Asked(trusted=True, **asked), Journey(QuietView()), [].append)


def test_the_planted_culprit_is_named_spared_and_confirmed(command):
    data = command.data
    first, *others = data["parts"]
    assert first["name"] == "culprit"
    assert [one["name"] for one in data["parts"] if one["beyond_chance"]] == ["culprit"]
    assert {one["name"] for one in others} == {"before", "after", "aside"}
    assert first["won_ids"][0].startswith("row-")
    assert data["choosing"] + data["confirming"] == EXAMPLES
    spared = data["confirmed"][0]
    assert spared["spared"] == ["culprit"]
    assert spared["prune"]["exclude"] == ["culprit"]
    assert spared["gain"]["low"] > 0.1
    assert spared["gate"] == "pass"
    zeros, weights = round(0.6 * 48), round(0.6 * 384) + round(0.6 * 128) + 2 * round(0.6 * 48)
    assert first["weights_back"] == zeros
    assert spared["weights_share"] == pytest.approx(zeros / weights)


def test_the_last_lines_tell_what_it_is_worth_on_other_examples(command):
    last, same = command.out.splitlines()[-2:]
    assert same.startswith("At as many zeros (")
    assert " on the 200 examples that choose; 200 others confirm." in command.out.splitlines()[0]
    assert last.startswith("sparing 1 of 4: accuracy 0.")
    assert "on the 200 examples that were not used to choose (gain 0." in last
    assert "      exclude:\n      - culprit\n" in command.out


def test_at_as_many_zeros_the_others_lose_more(command):
    spared, same = command.data["confirmed"]
    assert same["prune"]["sparsity"] > 0.6
    assert spared["zeros_share"] < same["zeros_share"] <= command.data["zeros_share"]
    assert same["gain"]["low"] > 0.1


def test_the_suite_that_is_written_holds_three_and_can_be_loaded(command, folder):
    assert command.data["file"] == str(folder / "planted.sensitivity.yaml"), "beside the code that the suite names"
    suite = load_suite(folder / "planted.sensitivity.yaml").suite
    assert [one.name for one in suite.variants] == ["dense", "sparse", "sparse-spared", "sparse-spared-same-zeros"]
    assert suite.variants[2].prune.exclude == ("culprit",)
    assert suite.variants[2].expect is None
    assert suite.evaluate == load_suite(folder / "s.yaml").suite.evaluate


def test_where_nothing_was_lost_nothing_is_proposed(folder):
    found = ask(folder, variant="harmless", output=folder / "none", force=True)
    assert not found.confirmed
    assert not any(one.beyond_chance for one in found.parts)
    assert verdict(found).startswith("No layers to spare: harmless is not shown to be worse than dense")
    assert not found.file
    assert not (folder / "none").exists()


def test_as_many_as_are_asked_for_by_another_metric(folder):
    found = ask(folder, variant="sparse", spare=2, metric="f1_macro")
    assert found.metric == "f1_macro"
    assert len(found.confirmed[0].spared) == 2
    assert found.parts[0].p_value is None, "no mean of scores"
    assert [one.name for one in found.parts if one.beyond_chance] == ["culprit"]
    assert "culprit" in as_text(found)


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"metric": "acuracy"}, "did you mean 'accuracy'"), ({"spare": 4}, "would leave nothing to prune")],
)
def test_what_only_the_model_or_the_data_can_tell_is_refused(folder, asked, words):
    with pytest.raises(InputError, match=words):
        ask(folder, variant="sparse", **asked)


# Which of two classes it is hangs on the product of three signs: two of them tell nothing.
PRODUCT = """
import torch
from torch import nn


class Product(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = (nn.Linear(12, 1, bias=False) for _ in range(3))
        self.before, self.after, self.aside = nn.Linear(12, 16), nn.Linear(16, 2), nn.Linear(12, 2)
        for part in (self.before, self.after, self.aside):
            part.weight.data *= 1e-3
            part.bias.data *= 0

    def forward(self, x):
        sign = torch.tanh(50 * self.a(x)) * torch.tanh(50 * self.b(x)) * torch.tanh(50 * self.c(x))
        return torch.cat((sign, -sign), 1) + self.aside(x) + self.after(torch.relu(self.before(x)))


def make():
    return Product().eval()
"""


def test_several_that_each_ruin_the_model_are_found_by_what_each_costs_alone(tmp_path):
    """Undoing any one of three wins nothing while the others are ruined."""
    write(tmp_path, PRODUCT)
    (tmp_path / "net.py").rename(tmp_path / "product.py")
    suite = SUITE.replace("sparsity: 0.6, seed: 1", "sparsity: 0.9, seed: 1").replace("net:make", "product:make")
    (tmp_path / "s.yaml").write_text(suite)
    found = ask(tmp_path, variant="sparse")
    assert not any(one.beyond_chance for one in found.parts)
    assert {one.name for one in found.parts[:3]} == {"a", "b", "c"}
    assert found.parts[2].alone_drop.low > 0.2 > found.parts[3].alone_drop.high
    assert set(found.confirmed[0].spared) == {"a", "b", "c"}
    assert found.confirmed[0].gain.low > 0.3
    assert "ranked by what each costs" in as_text(found)


def test_one_group_alone_cannot_be_spared(folder):
    found = ask(folder, variant="narrow")
    assert [one.kind for one in found.parts] == ["neurons"]
    assert not found.confirmed


def test_an_interrupted_look_shows_what_was_scored_until_then(folder, monkeypatch, capsys):
    calls = []

    def scores(self, module, progress):
        calls.append(module)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, module, progress)

    whole = Lab.scores
    monkeypatch.setattr(Lab, "scores", scores)
    asked = Asked(variant="sparse", trusted=True, output=folder / "late", force=True)
    with pytest.raises(InterruptedRunError):
        look_and_show(load_suite(folder / "s.yaml"), asked, None, quiet=True)
    out = capsys.readouterr().out
    assert "Until it was interrupted" in out
    assert "before" in out
    assert "after" in out
    assert "culprit" not in out
    assert not (folder / "late").exists()
