"""Trace a model once with symbols for the sizes of its inputs, as torch's symbolic shapes carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from analyzer.loading.loaded_model import InputSpec, LoadedModel
from analyzer.loading.wrappers import unwrapped
from analyzer.tracing.backends import FAKE, Backend, fake_module, run_on_fake
from analyzer.tracing.containers import Leaf
from analyzer.tracing.fallbacks import ready_to_run, trace_within
from analyzer.tracing.resizing import resized
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension, FixedSize


@dataclass(frozen=True)
class SymbolicTrace:
    """A forward whose sizes are expressions in the sizes of its inputs."""

    trace: Trace
    fixed: tuple[FixedSize, ...]
    """Sizes that torch gave one value."""
    guards: Mapping[str, Any]
    """Conditions that torch put on the sizes, as sympy has them, by how they read."""
    symbols: Mapping[str, Any]

    def expression(self, size: Any) -> Any:
        """A recorded size as a number or a sympy expression."""
        return size.node.expr if isinstance(size, torch.SymInt) else size

    def at(self, expression: Any, sizes: Mapping[str, int]) -> Any:
        """The value of an expression, or of a guard, with the inputs' sizes by name."""
        import sympy

        if not isinstance(expression, sympy.Basic):
            return expression
        return expression.xreplace({symbol: sympy.Integer(sizes[name]) for name, symbol in self.symbols.items()})


def symbolic_trace(
    loaded: LoadedModel, example: Trace, dimensions: Sequence[Dimension], sizes: Mapping[str, int]
) -> SymbolicTrace:
    """The trace with a symbol for each dimension, at hints of these sizes; Problem where torch cannot carry them."""
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    environment = ShapeEnv(duck_shape=False)
    symbols = {item.name: _symbol(environment, item.name, sizes[item.name]) for item in dimensions}
    shapes: dict[str, list[Any]] = {given.name: list(given.shape) for given in example.inputs}
    for item in dimensions:
        for name, axis in item.places:
            shapes[name][axis] = symbols[item.name]
    inner = unwrapped(loaded)
    inputs = resized(
        inner.module, inner.candidates[example.candidate], {name: tuple(shape) for name, shape in shapes.items()}
    )
    backend = Backend(FAKE.mode, partial(_module, environment=environment), _input, run_on_fake, is_symbolic=True)
    with ready_to_run(inner) as state:
        trace = trace_within(replace(inner, candidates=(inputs,)), state, [backend])
    return _found(trace, environment, symbols, sizes)


def _found(trace: Trace, environment: Any, symbols: Mapping[str, Any], sizes: Mapping[str, int]) -> SymbolicTrace:
    import sympy

    own = {name: symbol.node._expr for name, symbol in symbols.items()}
    names = {symbol: sympy.Symbol(name) for name, symbol in own.items()}
    guards = {str(guard.expr.xreplace(names)): guard.expr for guard in environment.guards}
    fixed = (
        FixedSize(name, sizes[name], "torch's symbolic shapes give it this one value")
        for name, symbol in own.items()
        if environment.replace(symbol).is_number
    )
    return SymbolicTrace(trace, tuple(fixed), guards, own)


def _symbol(environment: Any, name: str, hint: int) -> torch.SymInt:
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic

    source = ConstantSource(name)
    symbol = environment.create_symbol(hint, source, dynamic_dim=DimDynamic.DYNAMIC, constraint_dim=None)
    found: torch.SymInt = environment.create_symintnode(symbol, hint=hint, source=source)
    return found


def _module(loaded: LoadedModel, environment: Any) -> AbstractContextManager[nn.Module]:
    return fake_module(loaded, shape_env=environment)


def _input(leaf: Leaf, module: nn.Module) -> torch.Tensor:
    if isinstance(leaf, InputSpec):
        return torch.empty(leaf.shape, dtype=getattr(torch, leaf.dtype), device="cpu")
    found: torch.Tensor = FAKE.make_input(leaf, module)
    return found
