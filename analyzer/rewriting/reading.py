"""Reads units back from the code that advice shows, without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from analyzer.values.convolution import (
    BatchNorm,
    ChannelShuffle,
    Convolution,
    Identity,
    Proposal,
    ReLU,
    Submodule,
    Unit,
)
from analyzer.values.errors import Problem
from analyzer.values.results import Advice

CONVOLUTION = re.compile(r"Conv(Transpose)?([123])d")
NORMALIZATION = re.compile(r"BatchNorm([123])d")


def proposal_of(advice: Advice) -> Proposal | None:
    """What the advice would put in; None for a fact."""
    if not advice.replacements:
        return None
    return Proposal(tuple((item.path, units_of(item.code)) for item in advice.replacements))


def units_of(code: str) -> tuple[Unit, ...]:
    """The units of `nn.Conv2d(...)` or `nn.Sequential(...)`; Problem when it is no code that advice would show."""
    try:
        name, call = _constructor(ast.parse(code.strip(), mode="eval").body)
        calls = [_constructor(argument) for argument in call.args] if name == "Sequential" else [(name, call)]
        return tuple(_unit(name, *_arguments(call)) for name, call in calls)
    except (SyntaxError, ValueError, TypeError, KeyError) as error:
        raise Problem(f"{code!r} is not what advice proposes ({error}); pass on advice as it was given") from error


def _constructor(node: ast.expr) -> tuple[str, ast.Call]:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name == "model.get_submodule":
            return "Submodule", node
        if name.startswith("nn."):
            return name.removeprefix("nn."), node
    raise ValueError("neither a constructor of torch.nn nor model.get_submodule")


def _arguments(call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    return [ast.literal_eval(argument) for argument in call.args], options


def _unit(name: str, values: list[Any], options: Mapping[str, Any]) -> Unit:
    if match := CONVOLUTION.fullmatch(name):
        return _convolution(bool(match[1]), int(match[2]), *values, **options)
    if match := NORMALIZATION.fullmatch(name):
        (channels,) = values
        return BatchNorm(channels, int(match[1]), **options)
    plain: dict[str, type[ChannelShuffle | Identity | ReLU | Submodule]] = {
        "ChannelShuffle": ChannelShuffle,
        "Identity": Identity,
        "ReLU": ReLU,
        "Submodule": Submodule,
    }
    return plain[name](*values, **options)


def _convolution(
    transposed: bool,
    dimension: int,
    in_channels: int,
    out_channels: int,
    kernel: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    bias: bool = True,
) -> Convolution:
    def axes(value: Any) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * dimension

    return Convolution(
        in_channels,
        out_channels,
        axes(kernel),
        axes(stride),
        axes(padding),
        axes(dilation),
        groups,
        bias,
        transposed=transposed,
        output_padding=axes(output_padding) if transposed else (),
    )
