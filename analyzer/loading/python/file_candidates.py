"""What a Python file offers as a model, read from its text: classes, functions that return one, what holds what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import networkx as nx

from analyzer.loading.file_kinds import parsed

Definition = ast.FunctionDef | ast.ClassDef
CHAINED = ("to", "cuda", "cpu", "eval", "train", "half", "float", "requires_grad_")
"""Methods of a module that return it."""


@dataclass(frozen=True)
class FileCandidates:
    """Names of what the file itself defines, in its order."""

    classes: tuple[str, ...]
    """Subclasses of `torch.nn.Module`; the first name of each."""
    functions: tuple[str, ...]
    """Public functions of which every return gives a module, as far as their text shows."""
    held: Mapping[str, frozenset[str]]
    """What each class and function makes or calls, directly or through others."""

    def outermost(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names that no other of them holds; of two that hold each other, both."""
        return tuple(name for name in names if not any(self._is_inside(name, other) for other in names))

    def _is_inside(self, name: str, other: str) -> bool:
        return name in self.held.get(other, ()) and other not in self.held.get(name, ())


def candidates_in(module: ModuleType) -> FileCandidates:
    """Those of an executed file; nothing is called. Without its text, only the classes are known."""
    definitions = {node.name: node for node in _definitions(parsed(Path(str(module.__file__))))}
    own = [name for name in vars(module) if defined_in(module, name, type)]
    classes = distinct(module, [name for name in own if _is_module_class(vars(module)[name])])
    public = [name for name in definitions if not name.startswith(("_", "test"))]
    own_functions = [name for name in public if defined_in(module, name, FunctionType)]
    giving = [name for name in own_functions if _ModuleFunctions(vars(module), definitions).is_one(name)]
    mentions = nx.DiGraph({name: _mentions(node) & definitions.keys() for name, node in definitions.items()})
    held = {name: frozenset(nx.descendants(mentions, name)) for name in definitions}
    return FileCandidates(tuple(classes), tuple(distinct(module, giving)), held)


def distinct(module: ModuleType, names: list[str]) -> list[str]:
    """The first name of each thing: a second one for the same thing is no choice."""
    first: dict[int, str] = {}
    for name in names:
        first.setdefault(id(vars(module)[name]), name)
    return list(first.values())


def defined_in(module: ModuleType, name: str, kind: type) -> bool:
    """Whether the module itself defines a thing of that kind under that name."""
    thing = vars(module).get(name)
    return isinstance(thing, kind) and thing.__module__ == module.__name__


def _definitions(tree: ast.AST) -> Iterator[Definition]:
    """Those at the top of the file, under `if` and `try` as well."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler):
            yield from _definitions(node)


def _is_module_class(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, type) and issubclass(thing, torch.nn.Module)


def _mentions(node: Definition) -> set[str]:
    """Names that are read in a body; a base class is not held."""
    return {inner.id for part in node.body for inner in ast.walk(part) if isinstance(inner, ast.Name)}


class _ModuleFunctions:
    """Decides from a function's text whether it returns a module."""

    def __init__(self, names: Mapping[str, Any], definitions: Mapping[str, Definition]) -> None:
        self._names = names
        self._definitions = definitions
        self._asked: set[str] = set()

    def is_one(self, name: str) -> bool:
        node = self._definitions.get(name)
        if not isinstance(node, ast.FunctionDef) or name in self._asked:
            return False
        self._asked.add(name)
        if node.returns is not None and _is_module_class(self._named(_unquoted(node.returns))):
            return True
        inside = list(_own_nodes(node))
        made = {
            target.id
            for part in inside
            if isinstance(part, ast.Assign) and self._gives_module(part.value, set())
            for target in part.targets
            if isinstance(target, ast.Name)
        }
        returns = [part.value for part in inside if isinstance(part, ast.Return)]
        return bool(returns) and all(self._gives_module(value, made) for value in returns)

    def _gives_module(self, value: ast.expr | None, made: set[str]) -> bool:
        if isinstance(value, ast.Name):
            return value.id in made
        if not isinstance(value, ast.Call):
            return False
        called = value.func
        if isinstance(called, ast.Attribute) and called.attr in CHAINED and self._gives_module(called.value, made):
            return True
        return _is_module_class(self._named(called)) or (isinstance(called, ast.Name) and self.is_one(called.id))

    def _named(self, expression: ast.expr) -> Any:
        """What a dotted name stands for, looked up without asking modules that import lazily."""
        if isinstance(expression, ast.Name):
            return self._names.get(expression.id)
        if not isinstance(expression, ast.Attribute):
            return None
        owner = self._named(expression.value)
        return vars(owner).get(expression.attr) if isinstance(owner, ModuleType) else None


def _unquoted(annotation: ast.expr) -> ast.expr:
    if not isinstance(annotation, ast.Constant) or not isinstance(annotation.value, str):
        return annotation
    try:
        return ast.parse(annotation.value, mode="eval").body
    except SyntaxError:
        return annotation


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node of a function less those of functions and classes in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)
