"""Equal input gives equal bytes: in two processes, of different hash seeds, in different folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optimum.exporters.onnx", reason="one of the exporters is Optimum")
pytest.importorskip("onnxslim", reason="one of the files is slim")

EXPORT = """
import shutil, sys, torch
from pathlib import Path
from transformers import BertConfig, BertModel
from xbench.artifacts.keeping import add_provenance
from xbench.plugins import exporter
from xbench.prepare.slimming import slimmed

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 99)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        return {"wide": self.out(x.mean((2, 3))), "most": x.amax((2, 3))}

torch.manual_seed(0)
net, x = Net().eval(), {"x": torch.rand(2, 3, 8, 8)}
bert = BertModel(BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                            intermediate_size=32)).eval()
ids = {name: torch.ones(2, 8, dtype=torch.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
text = {name: {0: "batch", 1: "sequence"} for name in ids}
made = {"dynamo": (net, x, {"x": {0: "batch"}}), "torchscript": (net, x, {"x": {0: "batch"}}), "optimum": (bert, ids, text)}
for name, (module, inputs, axes) in made.items():
    path, beside = Path(name, "inline", "model.onnx"), Path(name, "beside", "model.onnx")
    for one in (path, beside):
        one.parent.mkdir(parents=True)
    exporter(name).export(module, inputs, axes, path)
    shutil.copy(path, beside)
    add_provenance(path, {"variant": "v"})
    if name != "dynamo":
        slimmed(beside)
    add_provenance(beside, {"variant": "v"}, 1000)
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    running = []
    for seed in ("1", "4242"):
        home = tmp_path / f"home{seed}"
        home.mkdir()
        (home / f"export{seed}.py").write_text(EXPORT)
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, f"export{seed}.py"]
        running.append(subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE))
    for one in running:
        _, errors = one.communicate(timeout=300)
        assert one.returncode == 0, errors.decode()
    first, second = (
        {one.relative_to(home): one.read_bytes() for one in home.rglob("model.onnx*")}
        for home in (tmp_path / "home1", tmp_path / "home4242")
    )
    assert len(first) == 9, "three exporters, each inline, and beside with its data"
    assert first.keys() == second.keys()
    assert [str(name) for name in first if first[name] != second[name]] == []
    for name, content in first.items():
        assert b"export1" not in content, f"{name} holds a path of this machine"
        assert str(tmp_path).encode() not in content
