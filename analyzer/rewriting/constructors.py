"""A unit of a proposal as the call of torch's constructor, which can be made and can be written down."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from analyzer.values import layer_calls
from analyzer.values.convolution import BatchNorm, Convolution, Linear, Submodule, Unit

Made = dict[tuple[Hashable, ...], nn.Module]
"""Layers without values by how they were built, to make equal ones from."""
NORM_DEFAULTS: Mapping[str, Any] = {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}


@dataclass(frozen=True, slots=True)
class ConstructorCall:
    """`nn.KIND(*arguments, **options)`; options that have torch's default are left out."""

    kind: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """As it is written in Python, with `nn` imported."""
        options = (f"{name}={value!r}" for name, value in self.options.items())
        return f"nn.{self.kind}({', '.join([*map(repr, self.arguments), *options])})"

    def make(self, **more: Any) -> nn.Module:
        """The module; `more` are options that are not written down."""
        module: nn.Module = getattr(nn, self.kind)(*self.arguments, **self.options, **more)
        return module


def call_of(unit: Unit, like: nn.Module | None) -> ConstructorCall:
    """What makes the unit; dtype, and a normalization's constants, are those of the layer that is replaced."""
    if isinstance(unit, Submodule):
        raise TypeError(f"{unit.path} is there already, it is not made")
    call = layer_calls.call_of(unit)
    options: dict[str, Any] = dict(call.options)
    if isinstance(unit, BatchNorm):
        options |= _norm_options(like)
    if isinstance(unit, BatchNorm | Convolution | Linear):
        options |= _dtype_option(like)
    return ConstructorCall(call.kind, call.arguments, options)


def _norm_options(like: nn.Module | None) -> dict[str, Any]:
    if not isinstance(like, nn.modules.batchnorm._BatchNorm):
        return {}
    return {name: getattr(like, name) for name, usual in NORM_DEFAULTS.items() if getattr(like, name) != usual}


def _dtype_option(like: nn.Module | None) -> dict[str, Any]:
    tensor = None if like is None else next(like.parameters(), None)
    return {} if tensor is None or tensor.dtype is torch.get_default_dtype() else {"dtype": tensor.dtype}


@contextmanager
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class _Unfilled(TorchFunctionMode):
    """Draws no weights: on the meta device there are none, and their shapes are there already."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.kaiming_uniform_ or func is torch.Tensor.uniform_:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def module_of(
    units: Iterable[Unit], like: nn.Module | None = None, model: nn.Module | None = None, known: Made | None = None
) -> nn.Module:
    """The units as one module, an `nn.Sequential` when there are several.

    It takes device, dtype, training mode and whether it is trained from the layer `like` that it replaces; on the meta
    device it takes no memory. Its weights are fresh, the same at every call; torch's random state is kept. Submodules
    that are kept are those of the model. What is made without values is kept in `known`, for equal layers.
    """
    tensor = None if like is None else next(chain(like.parameters(), like.buffers()), None)
    device = tensor.device if tensor is not None else torch.device("cpu")
    with nullcontext() if device.type == "meta" else _seeded():
        modules = [_made(unit, like, model, device, {} if known is None else known) for unit in units]
    module = modules[0] if len(modules) == 1 else nn.Sequential(*modules)
    if isinstance(tensor, nn.Parameter) and not tensor.requires_grad:
        module.requires_grad_(False)
    return module if like is None else module.train(like.training)


def _made(unit: Unit, like: nn.Module | None, model: nn.Module | None, device: torch.device, known: Made) -> nn.Module:
    if isinstance(unit, Submodule):
        assert model is not None
        return model.get_submodule(unit.path)
    call, is_placed = call_of(unit, like), isinstance(unit, BatchNorm | Convolution | Linear)
    if device.type != "meta" or not is_placed:
        return call.make(**({"device": device} if is_placed else {}))
    key = (call.kind, call.arguments, *call.options.items())
    if key in known:
        return _like(known[key])
    with _Unfilled():
        made = known[key] = call.make(device=device)
    return made


def _like(layer: nn.Module) -> nn.Module:
    """Another layer that was built the same way, without running its constructor; neither has values."""
    made = type(layer).__new__(type(layer))
    for name, value in vars(layer).items():
        vars(made)[name] = value.copy() if isinstance(value, dict | set) else value
    for name, tensor in layer._parameters.items():
        made._parameters[name] = None if tensor is None else nn.Parameter(_of_the_form(tensor))
    for name, held in layer._buffers.items():
        made._buffers[name] = None if held is None else _of_the_form(held)
    return made


def _of_the_form(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
