"""Who may import whom: read from the import statements of every file, also those inside functions."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FACE = "microgpt"
FOLDERS = (FACE, "compiler", "runtime", "model", "data", "tools")

# What a folder may import of ours, besides itself.
ALLOWED = {
    "data": set(),
    "model": set(),
    "compiler": set(),
    "runtime": {"compiler", "model", "data"},
    "tools": {"compiler", "model", "data", "runtime", FACE},
    FACE: {"compiler", "model", "data", "runtime"},
}
# The door that starts the command line; nothing imports it.
DOOR = f"{FACE}.__main__"
# The files of the face that may import tools, when their functions are called; and which of their rooms it may not.
SEEING = {f"{FACE}.seeing", f"{FACE}.seeing_sizes"}
UNSEEN = ("tools.cli", "tools.commands", "tools.options", "tools.terminal")
# Inside a folder: what each of its own folders may import of the others.
STAGES = {
    "compiler": {
        "ir": set(),
        "tracing": {"ir", "elementary", "functions", "number", "user_code"},
        "passes": {"ir"},
        "python": {"ir"},
        "loops": {"ir"},
        "sizes": {"ir", "loops"},
        "jax": {"ir", "loops", "sizes"},
        "kernels": {"ir", "loops"},
        "c": {"ir", "loops", "kernels"},
    },
    "runtime": {
        "storage": set(),
        "machine": {"storage"},
        "executable": {"storage", "machine"},
        "programs": {"storage", "machine", "executable"},
        "sized": {"storage", "machine", "executable", "programs"},
        "backends": {"storage", "machine", "executable", "programs"},
        "training": {"storage", "machine", "executable", "programs", "backends"},
        "fitting": {"storage", "machine", "executable", "training"},
    },
}
# Files beside these folders that all of them may import.
SHARED = {
    "compiler": {"arithmetic", "correctly_rounded", "errors", "numerics"},
    "runtime": {"arguments", "forward", "reporting", "value", "value_drawing", "version"},
}
# Where a library may be imported: by folder or by module.
PLACES = {
    "networkx": {"compiler.python.coarse", "tools"},
    "graphviz": {"tools"},
    # What these read may be executed: only what is in the cache, and has the hash that it should have.
    "marshal": {"runtime.executable.program"},
    "pickle": set(),
    "shelve": set(),
}


def module_of(path: Path) -> str:
    """The dotted name of a file, as a path below `microgpt`: `compiler.graph`; the face's own start with `microgpt`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def import_statements(source: str) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The statements of a file that import, and whether each stands under ``if TYPE_CHECKING``."""
    found, stack = [], [(node, False) for node in ast.parse(source).body]
    while stack:
        node, for_types = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, for_types))
        begins = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            only_types = for_types or (begins and name == "body")
            stack += [(child, only_types) for child in getattr(node, name, ())]
    return found


def imports(source: str, module: str, is_package: bool, *, typing: bool = True) -> Iterator[str]:
    """What `source` imports: ours as paths below `microgpt`, others by their top-level name.

    Args:
        module: the name of the file, as `module_of` gives it.
        typing: whether to include what stands under ``if TYPE_CHECKING``.
    """
    absolute = module if module.split(".")[0] == FACE else f"{FACE}.{module}"
    package = absolute.split(".") if is_package else absolute.split(".")[:-1]
    for node, for_types in import_statements(source):
        if for_types and not typing:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield ours(alias.name)
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name.split(".")[0] != FACE:
                yield ours(name)
                continue
            for alias in node.names:
                whole = ours(f"{name}.{alias.name}")
                is_module = whole in FOLDERS or (ROOT / (whole.replace(".", "/") + ".py")).is_file()
                yield whole if is_module else ours(name)


def ours(name: str) -> str:
    parts = name.split(".")
    if parts[0] != FACE:
        return parts[0]
    return ".".join(parts[1:] if len(parts) > 1 and parts[1] in FOLDERS else parts)


def offences(source: str, module: str, is_package: bool = False) -> list[str]:
    folder = module.split(".")[0]
    allowed = ALLOWED[folder] | ({"tools"} if module in SEEING else set())
    found = []
    for name in imports(source, module, is_package):
        top = name.split(".")[0]
        if top in FOLDERS and top != folder and top not in allowed:
            found.append(f"{module} imports {name}, but {folder} may import only {sorted(allowed)} of ours")
        if module in SEEING and within(name, UNSEEN):
            found.append(f"{module} imports {name}, but none of {UNSEEN}")
        if top in PLACES and not PLACES[top] & {folder, module}:
            found.append(f"{module} imports {name}, which belongs in {sorted(PLACES[top])}")
    return found


def within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def stage_offences(source: str, module: str) -> list[str]:
    """What a file in a folder of the compiler or of the runtime imports from a folder that comes later."""
    top, stage = module.split(".")[:2]
    may = {stage} | STAGES[top][stage] | SHARED[top]
    found = []
    for name in imports(source, module, is_package=False):
        folder, _, rest = name.partition(".")
        if folder == top and rest.split(".")[0] not in may:
            found.append(f"{module} imports {name}, but {top}/{stage} stands before it")
    return found


FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_package_is_installed():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    found = {f"{FACE}.{module_of(path)}" for path in FILES if path.name == "__init__.py" and path.parent.name != FACE}
    assert sorted(packages) == sorted({FACE, *found})


def test_every_folder_is_there():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(FOLDERS)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_what_it_may(path: Path):
    if module_of(path) == DOOR:
        return
    assert offences(path.read_text("utf-8"), module_of(path), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    "path",
    [path for top, stages in STAGES.items() for stage in stages for path in (ROOT / top / stage).glob("*.py")],
    ids=module_of,
)
def test_stages_import_earlier_stages(path: Path):
    assert stage_offences(path.read_text("utf-8"), module_of(path)) == []


@pytest.mark.parametrize("top", STAGES)
def test_every_folder_is_a_stage(top: str):
    assert {path.name for path in (ROOT / top).iterdir() if (path / "__init__.py").is_file()} == set(STAGES[top])


def test_shared_files_import_no_stage():
    for top, names in SHARED.items():
        for name in names:
            source = (ROOT / top / f"{name}.py").read_text("utf-8")
            found = imports(source, f"{top}.{name}", is_package=False)
            assert not [other for other in found if other.split(".")[0] == top and other.split(".")[1] not in names]


def test_notices_a_stage_that_imports_a_later_one():
    assert len(stage_offences("from ..c.emit_c import emit_c", "compiler.loops.reroll")) == 1
    assert len(stage_offences("from ..pipeline import compile_graph", "compiler.loops.reroll")) == 1
    assert (
        stage_offences("from ..ir.graph import Graph\nfrom ..errors import CompileError", "compiler.loops.reroll") == []
    )
    assert len(stage_offences("from ..training.training import Training", "runtime.backends.backend")) == 1


def test_what_can_be_seen_needs_no_command_line():
    """Neither do the modules that `SEEING` imports, nor what these import."""
    sources = {module_of(path): path for path in FILES}
    waiting, seen = sorted(SEEING), set()
    while waiting:
        module = waiting.pop()
        if module not in seen and module in sources:
            seen.add(module)
            path = sources[module]
            waiting += imports(path.read_text("utf-8"), module, path.name == "__init__.py", typing=False)
    assert len(seen) > 60
    assert [module for module in sorted(seen) if within(module, UNSEEN)] == []


def test_tools_are_not_imported_before_they_are_needed():
    lines = ["import sys, microgpt", "microgpt.compile, microgpt.CompiledFunction, microgpt.Value, microgpt.train"]
    lines += ["sys.exit(any(name.startswith('microgpt.tools') for name in sys.modules))"]
    assert subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False).returncode == 0


def test_no_cycles_between_folders():
    graph: dict[str, set[str]] = {}
    for path in FILES:
        module = module_of(path)
        if module == DOOR:
            continue
        folder = module.split(".")[0]
        tops = {name.split(".")[0] for name in imports(path.read_text("utf-8"), module, path.name == "__init__.py")}
        graph.setdefault(folder, set()).update(tops & set(FOLDERS) - {folder})
    assert cycle(graph) == []


@pytest.mark.parametrize("top", ["compiler", "runtime", "tools"])
def test_no_cycles_between_rooms(top: str):
    """The folders of a folder, and the files beside them."""
    graph: dict[str, set[str]] = {}
    for path in (ROOT / top).rglob("*.py"):
        module = module_of(path)
        found = [name.split(".") for name in imports(path.read_text("utf-8"), module, path.name == "__init__.py")]
        room = module.split(".")[1:2]
        graph.setdefault("".join(room), set()).update(
            name[1] for name in found if name[0] == top and len(name) > 1 and name[1:2] != room
        )
    assert cycle(graph) == []


def test_no_cycles_between_modules():
    graph = {}
    for path in FILES:
        module = module_of(path)
        found = imports(path.read_text("utf-8"), module, path.name == "__init__.py", typing=False)
        graph[module] = {name for name in found if name != module}
    assert cycle(graph) == []


def cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("compiler.trace", "from ..runtime.value import Value"),
        ("compiler.trace", "from .. import runtime"),
        ("compiler.trace", "import microgpt.model.gpt"),
        ("compiler.trace", "from microgpt import data"),
        ("compiler.trace", "from microgpt import compile"),
        ("compiler.trace", "def late():\n    from ..tools import cli"),
        ("compiler.trace", "import networkx as nx"),
        ("compiler.python.coarse", "from graphviz import Digraph"),
        ("model.gpt", "from ..compiler.functions import maximum"),
        ("data.corpus", "from ..model.config import GPTConfig"),
        ("runtime.train", "from ..tools.cli import main"),
        ("runtime.train", "from networkx.algorithms import dag"),
        ("microgpt.api", "from .tools.cli import main"),
        ("microgpt.api", "from .tools.drawing.draw import draw"),
        ("microgpt.seeing", "def late():\n    from .tools.terminal import console"),
        ("microgpt.seeing", "from .tools.cli import main"),
    ],
)
def test_notices(module: str, source: str):
    assert len(offences(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("compiler.python.coarse", "import networkx as nx"),
        ("compiler.trace", "from .ir.graph import Graph\nfrom .ir import ops\nimport microgpt.compiler.ir.ops"),
        ("runtime.train", "from ..model.gpt import loss\nfrom microgpt.data import corpus\nimport random"),
        ("tools.draw", "import graphviz, networkx\nfrom ..runtime import cache\nfrom .. import __version__"),
        ("microgpt.seeing", "def late():\n    from .tools.drawing.draw import draw"),
        ("microgpt.api", "from .compiler.trace import trace\nfrom .runtime.value import Value"),
    ],
)
def test_lets_pass(module: str, source: str):
    assert offences(source, module) == []


def test_resolves_relative_imports():
    lines = [
        "from . import corpus",
        "from .corpus import x",
        "from ..model import gpt, config",
        "from .. import y",
        "import os",
    ]
    found = sorted(imports("\n".join(lines), "data.tokenizer", is_package=False))
    assert found == ["data.corpus", "data.corpus", "microgpt", "model.config", "model.gpt", "os"]
    assert list(imports("from .trace import x", "compiler", is_package=True)) == ["compiler.trace"]
    assert list(imports("from .compiler import x", "microgpt", is_package=True)) == ["compiler"]


def test_finds_cycles():
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
