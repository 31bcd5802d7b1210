"""Imports point down the list of layers and never up, and torch stays in its rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parent.parent / "analyzer"
LAYERS = (
    ("__main__",),
    ("cli", "__init__"),
    ("reporting", "session"),
    ("applying", "measuring", "pipeline"),
    ("acting", "consulting", "estimating", "gating", "reconciling"),
    ("proving",),
    ("advising", "comparing", "config", "console", "counting", "formats", "loading", "rewriting", "tracing", "writing"),
    ("dataflow", "evidence", "formulas", "roofline", "rules"),
    ("calibration", "deployability", "energy", "patterns", "units"),
    ("devices", "facts", "graph"),
    ("convolution", "results"),
    ("estimates", "machine", "problem", "timings", "version"),
)
"""Rooms from the top down; those of one layer do not import each other, but for SHARED."""
SHARED = {("tracing", "loading.subject"), ("formats", "comparing")}
"""A stage may know the type that it is handed, and a format the table of several models."""
TORCH_ROOMS = {"calibration", "evidence", "loading", "measuring", "reconciling", "rewriting", "tracing"}


def modules() -> dict[str, Path]:
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file, but for those that only types need."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def own(name: str) -> str | None:
    """The module of ours that an imported name lives in."""
    if not name.startswith("analyzer"):
        return None
    parts = name.split(".")[1:]
    known = modules()
    while parts:
        for candidate in (".".join(parts), ".".join([*parts, "__init__"])):
            if candidate in known:
                return candidate
        parts.pop()
    return "__init__"


def room(module: str) -> str:
    return module.split(".")[0]


def level(module: str) -> int:
    return next(index for index, rooms in enumerate(LAYERS) if room(module) in rooms)


def edges() -> list[tuple[str, str]]:
    return [(name, target) for name, path in modules().items() for item in imports(path) if (target := own(item))]


def test_every_module_has_a_layer() -> None:
    known = {name for rooms in LAYERS for name in rooms}
    assert {room(name) for name in modules()} <= known


def is_allowed(importer: str, imported: str) -> bool:
    if room(importer) == room(imported) or level(importer) < level(imported):
        return True
    return bool({(room(importer), imported), (room(importer), room(imported))} & SHARED)


def test_imports_point_down() -> None:
    assert [edge for edge in edges() if not is_allowed(*edge)] == []


def test_no_import_cycles() -> None:
    assert list(nx.simple_cycles(nx.DiGraph((a, b) for a, b in edges() if a != b))) == []


@pytest.mark.parametrize("name", [name for name in modules() if room(name) not in TORCH_ROOMS])
def test_torch_stays_in_its_rooms(name: str) -> None:
    assert [item for item in imports(modules()[name]) if item.split(".")[0] in ("torch", "torchvision")] == []


def test_only_the_command_prints_or_exits() -> None:
    calls = {
        (name, node.func.id)
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "exit", "quit")
    }
    assert calls == set()


@pytest.mark.parametrize("name", list(modules()))
def test_every_module_says_what_it_is(name: str) -> None:
    assert name.endswith("__init__") or ast.get_docstring(ast.parse(modules()[name].read_text(encoding="utf-8")))
