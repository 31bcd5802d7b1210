"""Formulas that users give for operators of their own: to the process, or to one analysis by its configuration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from analyzer.values.counts import Cost
from analyzer.values.errors import Problem
from analyzer.values.graph import Argument, Op, Tensor

ShapeFormula = Callable[..., int | Cost | None]
"""From shapes, by the names in the operator's schema, and `out`, to multiply-accumulates or a Cost."""
NAME = re.compile(r"(\w+)(?:::|\.)(\w+)")
BY_HAND: dict[str, RegisteredFormula] = {}
"""Formulas registered with `analyzer.formula`, by operator, until the process ends."""
CONFIGURED: ContextVar[Mapping[str, RegisteredFormula]] = ContextVar("CONFIGURED", default=MappingProxyType({}))
"""Formulas of the analysis that is running; they take precedence."""


@dataclass(frozen=True)
class RegisteredFormula:
    """What a user says that one call of an operator costs."""

    operator: str
    """As in a graph: "mylib.op"."""
    function: ShapeFormula
    source: str
    """Where it is written, for reports: "module:function"."""

    def cost(self, op: Op) -> Cost | None:
        """The work of one call; None when the formula says that these shapes do not tell. Problem when it is wrong."""
        shapes = {**{name: _shape(value) for name, value in op.arguments.items()}, "out": _result(op)}
        asked = inspect.signature(self.function).parameters.values()
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in asked):
            known = [parameter.name for parameter in asked if parameter.name in shapes]
            shapes = {name: shapes[name] for name in known}
        try:
            return self._checked(self.function(**shapes))
        except Problem:
            raise
        except Exception as error:  # a user's formula may raise anything
            names = ", ".join([*op.arguments, "out"])
            raise Problem(
                f"{self._title} raised {type(error).__name__}: {error}; it is called with the shapes of {names}"
            ) from error

    def _checked(self, found: Any) -> Cost | None:
        if found is None or isinstance(found, Cost):
            return found
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise Problem(
                f"{self._title} returned {found!r}; it must return multiply-accumulates, an integer, or a Cost"
            )
        return Cost(macs=found)

    @property
    def _title(self) -> str:
        return f"the formula for {self.operator} ({self.source})"


def made(operator: str, function: ShapeFormula) -> RegisteredFormula:
    """A formula for the operator "mylib::op"; Problem when that is no name of an operator, or nothing to call."""
    named = NAME.fullmatch(operator)
    if named is None:
        raise Problem(f"{operator!r} is not the name of an operator; write it as torch does, such as mylib::op")
    if not callable(function):
        raise Problem(f"the formula for {operator} is {function!r}, which cannot be called; give a function of shapes")
    source = f"{getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', type(function).__name__)}"
    return RegisteredFormula(f"{named[1]}.{named[2]}", function, source)


def registered(packet: str) -> RegisteredFormula | None:
    """The formula that a user gave for an operator without overload, "mylib.op"."""
    return CONFIGURED.get().get(packet) or BY_HAND.get(packet)


def forget_all_but(known: Mapping[str, RegisteredFormula]) -> None:
    """What was registered since, as by the file of another model, holds no longer."""
    BY_HAND.clear()
    BY_HAND.update(known)


@contextmanager
def configured(formulas: Mapping[str, ShapeFormula]) -> Iterator[None]:
    """These formulas hold while the block runs, by operator; Problem for a name that is no operator's."""
    found = [made(operator, function) for operator, function in formulas.items()]
    token = CONFIGURED.set({formula.operator: formula for formula in found})
    try:
        yield
    finally:
        CONFIGURED.reset(token)


def _shape(value: Argument) -> Any:
    """A tensor as its shape, also within a list; everything else as it is."""
    if isinstance(value, Tensor):
        return value.shape
    return tuple(_shape(item) for item in value) if isinstance(value, tuple) else value


def _result(op: Op) -> Any:
    shapes = tuple(output.shape for output in op.outputs)
    return shapes[0] if len(shapes) == 1 else shapes
