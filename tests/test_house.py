"""The house: which wing may import which, and who may load what (section 3 of the design). Reads sources only."""

from __future__ import annotations

import ast
import graphlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "pyproject.toml").is_file() or not (ROOT / "xbench").is_dir():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)

# From the bottom to the top: a module imports only from its own wing and from layers below its own. Wings on
# one line do not know each other.
LAYERS = (
    ("_version", "errors", "records"),
    ("machine", "onnxfile", "progress", "protocols", "quantities", "sources", "stats", "store", "yamlfile"),
    ("analysis", "artifacts", "datasets", "plugins", "pruning", "validation"),
    ("measure", "metrics", "profiles", "suite", "worth"),
    ("compacting", "explaining", "gate", "prepare", "quality", "results"),
    ("report", "road"),
    ("doctor", "fitting", "inspecting", "selftest", "sensitivity"),
    ("cli",),
    ("__main__",),
)
PLUGINS = {"exporters": "xbench.exporters", "runners": "xbench.runners"}
# Heavy or optional libraries, and the only places that may import them, at the top or inside a function.
# `protocols` names torch's types for checkers alone.
OWNERS = {
    "torch": (
        "xbench.pruning",
        "xbench.prepare",
        "xbench.sources",
        "xbench.exporters",
        "xbench.examples",
        "xbench.protocols",
        "xbench.runners.nvidia",
        "xbench.runners.torch_cache",
        "xbench.runners.torch_gpu",
        "xbench.runners.torch_module",
        "xbench.runners.torch_program",
        "xbench.runners.torch_profile",
    ),
    "torch_pruning": ("xbench.pruning",),
    "transformers": ("xbench.sources", "xbench.exporters"),
    "optimum": ("xbench.exporters",),
    "onnxslim": ("xbench.prepare",),
    "safetensors": ("xbench.sources",),
    "onnxruntime": (
        "xbench.runners",
        "xbench.exporters.coarse",
        "xbench.exporters.to_float16",
        "xbench.exporters.to_int8",
    ),
    "openvino": ("xbench.runners",),
    "onnx": ("xbench.onnxfile", "xbench.exporters", "xbench.compacting", "xbench.worth"),
    "sklearn": ("xbench.datasets", "xbench.metrics"),
    "pyarrow": ("xbench.datasets", "xbench.results"),
    "pandas": ("xbench.results",),
    "polars": ("xbench.results",),
    "tokenizers": ("xbench.quality",),
    "scipy": ("xbench.stats", "xbench.compacting"),
    "rich": ("xbench.report", "xbench.cli"),
    "tabulate": ("xbench.report", "xbench.cli"),
    "typer": ("xbench.cli",),
}
FOLDERS = {
    "xbench": "xbench",
    **PLUGINS,
    "examples": "xbench.examples",
    "hardware_profiles": "xbench.hardware_profiles",
}


def modules():
    """(module name, whether it is a package, syntax tree) of every source file that is installed."""
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join((package, *(parts[:-1] if is_package else parts)))
            yield name, is_package, ast.parse(path.read_text(), str(path))


MODULES = list(modules())


def absolute(module, is_package, level, name):
    package = module.split(".") if is_package else module.split(".")[:-1]
    base = package[: len(package) - level + 1] if level else []
    return ".".join([*base, *([name] if name else [])])


def imports(module, is_package, tree):
    """Absolute names of what a module imports, wherever in it; `if TYPE_CHECKING` counts too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            target = absolute(module, is_package, node.level, node.module)
            # `from . import a` and `from ..stats import ratio` name modules; names of other things do no harm.
            bare = node.module is None
            yield from ((f"{target}.{alias.name}" for alias in node.names) if bare else (target,))


def wing(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


EDGES = [(module, target) for module, is_package, tree in MODULES for target in imports(module, is_package, tree)]
CORE = [(a, b) for a, b in EDGES if wing(a) not in FOLDERS and a != "xbench" and b.split(".")[0] == "xbench"]


def test_imports_are_seen():
    assert ("xbench.cli.machine_commands", "xbench.suite.model") in CORE, "a lazy import inside a function"
    assert ("xbench.runners.cpu", "xbench.runners.ort_session") in EDGES, "a relative one of a plug-in"
    assert len(CORE) > 200


def test_every_wing_has_its_layer():
    wings = {
        path.stem for path in (ROOT / "xbench").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    listed = [name for layer in LAYERS for name in layer]
    assert sorted(listed) == sorted(wings - {"__init__"})


def test_imports_go_down_only():
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    upward = [
        f"{module} -> {target}"
        for module, target in CORE
        if wing(target) and wing(module) != wing(target) and level[wing(target)] >= level[wing(module)]
    ]
    assert not upward


def test_no_circle_even_inside_a_wing():
    known = {name for name, _, _ in MODULES}
    graph = {name: set() for name in known}
    for module, target in EDGES:
        if target in known and target != module:
            graph[module].add(target)
    graphlib.TopologicalSorter(graph).prepare()


def test_the_core_names_plug_ins_by_string_only():
    assert not [(a, b) for a, b in CORE if wing(b) in FOLDERS]
    named = [
        (module, node.value)
        for module, _, tree in MODULES
        if module.startswith("xbench.") and wing(module) not in FOLDERS
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(("xbench.runners.", "xbench.exporters."))
    ]
    assert named
    assert {module for module, _ in named} == {"xbench.plugins"}


def test_plug_ins_import_the_core_and_their_siblings_only():
    below_the_road = {name for layer in LAYERS[:3] for name in layer}
    for module, target in EDGES:
        if wing(module) in PLUGINS and target.split(".")[0] == "xbench":
            assert wing(target) == wing(module) or wing(target) in below_the_road, f"{module} -> {target}"


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_are_imported_where_they_belong(library):
    users = {module for module, target in EDGES if target.split(".")[0] == library}
    strays = [m for m in users if not any(m == owner or m.startswith(owner + ".") for owner in OWNERS[library])]
    assert not strays
    assert users, "nobody imports it: take it off the list"


def called(node):
    if not isinstance(node, ast.Call):
        return ""
    return ast.unparse(node.func)


def test_only_the_cli_prints_or_ends_the_process():
    """But for a worker, whose process is its own: it ends with its parent, and the fake runner plays a crash."""
    endings = {"print", "exit", "quit", "sys.exit", "os._exit", "os.abort", "sys.stdout.write", "sys.stderr.write"}
    found = {
        (module, called(node))
        for module, _, tree in MODULES
        if wing(module) != "cli"
        for node in ast.walk(tree)
        if called(node) in endings
    }
    raised = {
        module
        for module, _, tree in MODULES
        if wing(module) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and node.exc is not None and "SystemExit" in ast.unparse(node.exc)
    }
    assert found == {("xbench.runners.fake", "os._exit")}
    assert raised == {"xbench.measure.worker"}


def test_pyproject_lists_every_package():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert set(config["package-dir"]) == set(FOLDERS.values())
    found = {
        ".".join((package, *init.parent.relative_to(ROOT / folder).parts))
        for folder, package in FOLDERS.items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert sorted(config["packages"]) == sorted(found)
    homeless = {
        path.parent
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert not homeless


def test_functions_can_be_read_in_one_look():
    """At most 50 lines of code; what a docstring explains does not count."""
    functions = [
        (f"{module}.{node.name}", node)
        for module, _, tree in MODULES
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lines = {name: node.end_lineno - node.lineno + 1 for name, node in functions}
    for name, node in functions:
        if ast.get_docstring(node):
            lines[name] -= node.body[0].end_lineno - node.body[0].lineno + 1
    assert not {name: count for name, count in lines.items() if count > 50}
