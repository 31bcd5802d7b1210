"""The formulas that a configuration names, found in the project's modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analyzer.values.errors import Problem


@contextmanager
def own_formulas(places: Mapping[str, str]) -> Iterator[None]:
    """They hold while the block runs, as do those that a model's file registers.

    Problem when there is no such function, or when the analyzer knows the operator itself.
    """
    from analyzer.formulas import refuse_known
    from analyzer.formulas.registered import BY_HAND, configured, forget_all_but

    before = dict(BY_HAND)
    for operator in places:
        refuse_known(operator.replace("::", "."))
    try:
        with configured({operator: _function(operator, place) for operator, place in places.items()}):
            yield
    finally:
        forget_all_but(before)


def _function(operator: str, place: str) -> Callable[..., Any]:
    """The function at "module:function", imported as from the directory of the configuration."""
    from analyzer.loading.python.import_context import Surroundings

    name, _, attribute = place.partition(":")
    try:
        with Surroundings(Path.cwd(), name=name, argv=[name]).again():
            found = getattr(importlib.import_module(name), attribute)
    except Exception as error:  # a user's module may raise anything when it is imported
        said = f"{type(error).__name__}: {error}"
        raise Problem(f"formulas: {operator}: {place} cannot be imported ({said}); write module:function") from error
    if not callable(found):
        raise Problem(f"formulas: {operator}: {place} is {found!r}, not a function")
    return found  # type: ignore[no-any-return]
