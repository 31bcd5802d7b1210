"""Says when a user's file wants its own module and gets another of the same name, which was imported before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import ModuleType
from typing import Any

from analyzer.loading.python.import_context import home_of
from analyzer.loading.python.import_place import ImportPlace
from analyzer.loading.sources import innermost, shown
from analyzer.values.errors import Problem


def clashes(place: ImportPlace) -> bool:
    """Whether another module has the first name of the place's dotted one."""
    top = place.dotted.partition(".")[0]
    return top in sys.modules and home_of(sys.modules[top]) != str(place.root)


@contextmanager
def clashes_as_problems(place: ImportPlace) -> Iterator[None]:
    """Turn what fails within for a taken name into a Problem that says so."""
    taken = frozenset(sys.modules)
    try:
        yield
    except (ImportError, AttributeError) as error:
        top = _top_wanted(error)
        named = (path for folder in (place.root, *place.fallbacks) for path in (folder / top, folder / f"{top}.py"))
        own = next((path for path in named if top and path.exists()), None)
        if own is None or top not in taken or home_of(sys.modules[top]) == str(own.parent):
            raise
        source = innermost(walk_tb(error.__traceback__))
        where = f"{source.file}:{source.line}" if source else place.dotted
        raise Problem(
            f"{where} wants your {shown(str(own))}, but `{top}` is {_described(sys.modules[top])} here; "
            "rename yours to analyse the model"
        ) from error


def _top_wanted(error: ImportError | AttributeError) -> str:
    """The first name of the module that was to be imported or asked for an attribute; empty when it was none."""
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0]
    return error.obj.__name__.partition(".")[0] if isinstance(error.obj, ModuleType) else ""


def _described(module: Any) -> str:
    if module is sys.modules.get(__name__.partition(".")[0]):
        return "this tool's own package"
    return f"the package in {shown(home_of(module) or '')}"
