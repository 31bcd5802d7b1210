"""Imports point down the list of layers and never up, torch stays in its rooms, and every file has one name."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parent.parent / "analyzer"
LAYERS = (
    ("__main__",),
    ("cli",),
    ("__init__", "command"),
    ("analysis",),
    ("estimating", "fitting", "formats", "gating", "measuring", "reconciliation"),
    ("advising",),
    ("rewriting", "scaling", "tracing"),
    ("config", "dataflow", "evidence", "formulas", "loading", "rules"),
    ("values", "version"),
)
"""Modules and packages directly under analyzer/, from the top down; those of one layer do not import each other."""
MOST_ROOMS, MOST_LAYERS, MOST_EDGES = 25, 9, 90
TORCH_ROOMS = {"__init__", "evidence", "fitting", "loading", "measuring", "reconciliation", "rewriting", "tracing"}
"""Those that may import torch or torchvision; `__init__` and others only for the types of their signatures."""
TORCH_TYPES = {"advising"}
PRINTING = {"print", "exit", "quit", "echo", "secho", "_exit", "abort"}
STREAMS = {("sys", "stdout"), ("sys", "stderr"), ("sys", "exit"), ("os", "_exit"), ("os", "abort")}
PRINTS = {
    "__main__": {"exit"},
    "cli": {"echo", "exit", "stderr", "stdout"},
    "command.console": {"stderr"},
    "command.worker": {"_exit"},
    "formats.terminal.console_text": {"print"},
    "gating.interrupts": {"SystemExit"},
    "gating.workers": {"stderr"},
    "loading.recipe": {"stderr"},
}
"""What may touch the terminal or end the process: the command; rich, printing into a string; a signal that ends the
process once a worktree is taken down; a worker whose command is gone; and what the user's own code prints, which is
turned away from stdout."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name below analyzer, parsed once."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports, wherever in it, those that only types need included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run_time_imports(tree: ast.Module) -> Iterator[str]:
    """Those names less the ones under `if TYPE_CHECKING`."""
    guarded = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    typed = Counter(name for node in guarded for name in imports(ast.Module(node.body, [])))
    return (Counter(imports(tree)) - typed).elements()


def own(name: str) -> str | None:
    """The module of ours that an imported name lives in."""
    first, *parts = name.split(".")
    if first != "analyzer":
        return None
    while parts:
        for candidate in (".".join(parts), ".".join([*parts, "__init__"])):
            if candidate in modules():
                return candidate
        parts.pop()
    return "__init__"


@cache
def edges() -> frozenset[tuple[str, str]]:
    """Importing and imported module, for every import within the package."""
    return frozenset(
        (name, target) for name, tree in modules().items() for item in imports(tree) if (target := own(item))
    )


def room(module: str) -> str:
    return module.split(".")[0]


def room_edges() -> set[tuple[str, str]]:
    return {(room(a), room(b)) for a, b in edges() if room(a) != room(b)}


def level(module: str) -> int:
    return next(index for index, rooms in enumerate(LAYERS) if room(module) in rooms)


def test_the_table_lists_just_the_rooms_that_are_there() -> None:
    assert sorted(name for rooms in LAYERS for name in rooms) == sorted({room(name) for name in modules()})


def test_the_house_stays_small() -> None:
    assert len({room(name) for name in modules()}) <= MOST_ROOMS
    assert len(LAYERS) <= MOST_LAYERS
    assert len(room_edges()) <= MOST_EDGES


def test_imports_point_down() -> None:
    assert sorted(edge for edge in room_edges() if level(edge[0]) >= level(edge[1])) == []


def test_no_import_cycles() -> None:
    graph = nx.DiGraph((a, b) for a, b in edges() if a != b)
    assert [part for part in nx.strongly_connected_components(graph) if len(part) > 1] == []


def test_no_file_name_twice() -> None:
    names = Counter(name.rpartition(".")[2] for name in modules())
    assert [name for name, number in names.items() if number > 1 and name != "__init__"] == []


def test_no_class_name_twice() -> None:
    names = Counter(
        node.name for tree in modules().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    )
    assert [name for name, number in names.items() if number > 1] == []


@pytest.mark.parametrize("torch", [("torch", "torchvision")])
def test_torch_stays_in_its_rooms(torch: tuple[str, ...]) -> None:
    every = {room(n) for n, tree in modules().items() for item in imports(tree) if item.split(".")[0] in torch}
    run = {room(n) for n, tree in modules().items() for item in run_time_imports(tree) if item.split(".")[0] in torch}
    assert every == TORCH_ROOMS | TORCH_TYPES
    assert run == TORCH_ROOMS - {"__init__"}


def terminal_words(tree: ast.Module) -> set[str]:
    """The names by which a module prints or ends the process, however it got at them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in PRINTING:
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} & {attribute for owner, attribute in STREAMS if owner == node.value.id}
            found |= {node.attr} & PRINTING
        elif isinstance(node, ast.ImportFrom) and node.module in ("sys", "os", "click"):
            found |= {alias.name for alias in node.names} & (PRINTING | {attribute for _, attribute in STREAMS})
        elif isinstance(node, ast.Raise) and "SystemExit" in ast.dump(node):
            found.add("SystemExit")
    return found


def test_only_the_command_prints_or_exits() -> None:
    assert {name: words for name, tree in modules().items() if (words := terminal_words(tree))} == PRINTS


@pytest.mark.parametrize(
    "line",
    [
        "print('x')",
        "import sys; sys.exit(1)",
        "from sys import exit; exit()",
        "import sys; sys.stdout.write('x')",
        "import click; click.echo('x')",
        "raise SystemExit(2)",
        "import os; os._exit(1)",
        "say = print",
    ],
)
def test_every_spelling_of_printing_is_seen(line: str) -> None:
    assert terminal_words(ast.parse(line))


def test_every_module_says_what_it_is() -> None:
    assert [name for name, tree in modules().items() if not ast.get_docstring(tree)] == []


TESTS = Path(__file__).parent
TRIVIAL = 7
"""A module with fewer functions may be tested where it is used."""
ACROSS_FOLDERS = {"cli", "fuzz"}
"""Folders whose tests are about the whole command, or random programs."""
ACROSS = {
    "advising/test_measured_gain",
    "dataflow/test_random_programs",
    "estimating/test_estimate",
    "formats/html/test_browser",
    "formulas/test_conventions",
    "formulas/test_formula_agreement",
    "formulas/test_schemas",
    "gating/test_gate_command",
    "gating/test_pull_requests",
    "gating/test_revisions",
    "rewriting/test_hostile_modules",
    "rules/test_every_rule",
    "test_action",
    "test_agreement",
    "test_architecture",
    "test_families",
    "test_applicable_advice",
    "test_hard_cases",
    "test_imports",
    "test_install_commands",
    "test_reports",
    "test_roofline_agreement",
    "test_tutorial",
    "test_values_between_rooms",
    "tracing/test_left_behind",
    "tracing/test_untouched",
}
"""Tests of what several modules do together: agreement with others, hard models, scenarios."""


def mirror(module: str) -> str:
    """The test file of a module, from tests/ and without suffix: that of a package has the package's name."""
    *folders, name = module.split(".")
    if name == "__init__":
        name = folders[-1] if folders else "analyzer"
    return "/".join([*folders, f"test_{name}"])


def test_tests_mirror_the_package() -> None:
    mirrors = {mirror(name) for name in modules()} | ACROSS
    found = (path.relative_to(TESTS).with_suffix("") for path in sorted(TESTS.rglob("test_*.py")))
    files = [path.as_posix() for path in found if path.parts[0] not in ACROSS_FOLDERS]
    assert [file for file in files if file not in mirrors] == [], "name it for its module, or list it in ACROSS"


def test_every_module_has_its_tests() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {name: sum(isinstance(node, functions) for node in ast.walk(tree)) for name, tree in modules().items()}
    large = [name for name, size in sizes.items() if size >= TRIVIAL and name != "cli"]
    assert [name for name in large if not (TESTS / f"{mirror(name)}.py").exists()] == []
