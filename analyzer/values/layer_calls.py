"""Layers of torch.nn as data: the name of the constructor, its arguments and its options; from units and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from analyzer.values.convolution import (
    BatchNorm,
    ChannelShuffle,
    Convolution,
    Identity,
    Linear,
    PartOf,
    ReLU,
    Submodule,
    Unit,
)
from analyzer.values.errors import Problem

Axes = int | tuple[int, ...]
AXIS_OPTIONS: Mapping[str, int] = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
"""Options of a convolution that hold for each axis, with torch's defaults."""
PLAIN: Mapping[str, type[ChannelShuffle | Identity | Linear | PartOf | ReLU | Submodule]] = {
    kind.__name__: kind for kind in (ChannelShuffle, Identity, Linear, PartOf, ReLU, Submodule)
}


@dataclass(frozen=True, slots=True)
class LayerCall:
    """`nn.KIND(*arguments, **options)`; options that have torch's default are left out."""

    kind: str
    """Such as "Conv2d"."""
    arguments: tuple[Axes | str, ...] = ()
    options: dict[str, bool | int | tuple[int, ...]] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """As it is written in Python, with `nn` imported; a submodule that stays is looked up in the model."""
        if self.kind == "Submodule":
            return f"model.get_submodule({self.arguments[0]!r})"
        if self.kind == "PartOf":
            return "channels {1}:{2} of {0}".format(*self.arguments)
        options = (f"{name}={value!r}" for name, value in self.options.items())
        return f"nn.{self.kind}({', '.join([*map(repr, self.arguments), *options])})"


@lru_cache(maxsize=4096)
def code(units: tuple[Unit, ...]) -> str:
    """The units as Python that makes them, several as one `nn.Sequential`."""
    parts = [call_of(unit).code for unit in units]
    return parts[0] if len(parts) == 1 else f"nn.Sequential({', '.join(parts)})"


def call_of(unit: Unit) -> LayerCall:
    """How torch.nn makes the unit."""
    match unit:
        case Convolution():
            return _convolution(unit)
        case BatchNorm(channels, dimension):
            return LayerCall(f"BatchNorm{dimension}d", (channels,))
        case ChannelShuffle(groups):
            return LayerCall("ChannelShuffle", (groups,))
        case Linear(in_features, out_features, bias):
            return LayerCall("Linear", (in_features, out_features), {} if bias else {"bias": False})
        case Submodule(path):
            return LayerCall("Submodule", (path,))
        case PartOf(path, start, end):
            return LayerCall("PartOf", (path, start, end))
        case _:
            return LayerCall(type(unit).__name__)


def _convolution(unit: Convolution) -> LayerCall:
    zeros, ones = (0,) * unit.dimension, (1,) * unit.dimension
    options = {
        name: _short(value)
        for name, value, default in (
            ("stride", unit.stride, ones),
            ("padding", unit.padding, zeros),
            ("output_padding", unit.output_padding or zeros, zeros),
            ("dilation", unit.dilation, ones),
            ("groups", unit.groups, 1),
            ("bias", unit.bias, True),
        )
        if value != default
    }
    kind = f"Conv{'Transpose' if unit.transposed else ''}{unit.dimension}d"
    return LayerCall(kind, (unit.in_channels, unit.out_channels, _short(unit.kernel)), options)


def _short(value: Any) -> Any:
    """3 for (3, 3), as torch takes it."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def unit_of(call: LayerCall) -> Unit:
    """The inverse of `call_of`; Problem when it is no layer that advice would name."""
    try:
        return _unit(call.kind, call.arguments, call.options)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise Problem(f"{call.code} is not what advice proposes ({error}); pass on advice as it was given") from error


def _unit(kind: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Unit:
    name, dimension = kind.rstrip("123d"), kind.removesuffix("d")[-1]
    if name in ("Conv", "ConvTranspose"):
        return _convolution_of(name == "ConvTranspose", int(dimension), arguments, options)
    if name == "BatchNorm":
        (channels,) = arguments
        return BatchNorm(channels, int(dimension), **options)
    return PLAIN[kind](*arguments, **options)


def _convolution_of(
    is_transposed: bool, dimension: int, arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Convolution:
    if unknown := options.keys() - {*AXIS_OPTIONS, "groups", "bias"}:
        raise TypeError(f"a convolution takes no {min(unknown)}")
    in_channels, out_channels, kernel = arguments
    sizes = {"kernel": kernel, **{name: options.get(name, default) for name, default in AXIS_OPTIONS.items()}}
    given: dict[str, Any] = {"bias": True, **options}
    given |= {name: size if isinstance(size, tuple) else (size,) * dimension for name, size in sizes.items()}
    if not is_transposed:
        given["output_padding"] = ()
    return Convolution(in_channels, out_channels, transposed=is_transposed, **given)
