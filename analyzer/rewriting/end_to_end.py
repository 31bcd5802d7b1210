"""Runs a model before and after exact changes on the same random input, to see that its output stays what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from analyzer.rewriting.carrying import rewritten
from analyzer.rewriting.copying import copied, with_own_state
from analyzer.rewriting.recalibrating import Arguments
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Relative; products in another order are rounded otherwise, a wrong one is off by far more."""


def refuse_inexact(module: nn.Module, proposals: Sequence[Proposal], arguments: Arguments) -> float:
    """How far the output of the rewritten model is, relative to the output; Problem when that is more than rounding.

    Both run in eval mode, in double precision where the model can, on copies whose untrained batch normalizations have
    random statistics. The sentence names the first layer whose change alone alters the output, and by how much.
    """
    original = with_random_statistics(module)
    double, given = _in_double(original, arguments)
    error = _error_of(double, proposals, given)
    if error <= _tolerance(double):
        return error
    for proposal in proposals if len(proposals) > 1 else ():
        alone = _error_of(double, [proposal], given)
        if alone > _tolerance(double):
            raise _refusal(proposal, alone)
    raise _refusal(proposals[0], error)


def _refusal(proposal: Proposal, error: float) -> Problem:
    path = proposal.replacements[0][0] or "the model itself"
    return Problem(
        f"{path}: the change would alter the model's output by {error:.2%} on random input, as its forward depends on "
        "more than what the layer computes; leave this layer out"
    )


def runs(module: nn.Module, arguments: Arguments) -> bool:
    """Whether a copy of the model in eval mode accepts the arguments."""
    try:
        _output(copied(module).eval(), arguments)
    except Exception:  # whatever a user's forward raises
        return False
    return True


def with_random_statistics(module: nn.Module) -> nn.Module:
    """A copy in eval mode in which batch normalizations that have seen no data scale and shift at random.

    As built they divide by one and add nothing, which would hide most mistakes in folding them.
    """
    result = copied(module).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in result.modules():
            if isinstance(layer, _BatchNorm) and _is_untrained(layer):
                _randomize(layer, generator)
    return result


def _is_untrained(norm: _BatchNorm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    return mean is not None and variance is not None and bool((mean == 0).all()) and bool((variance == 1).all())


def _randomize(norm: _BatchNorm, generator: torch.Generator) -> None:
    """Near one and zero, so that activations keep their size through many layers."""
    for tensor, low, high in (
        (norm.running_mean, -0.2, 0.2),
        (norm.running_var, 0.6, 1.5),
        (norm.weight, 0.6, 1.5),
        (norm.bias, -0.2, 0.2),
    ):
        if tensor is not None:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)


def _in_double(module: nn.Module, arguments: Arguments) -> tuple[nn.Module, Arguments]:
    """The model and its arguments in double precision, where it runs so; else as they are."""
    given: Arguments = pytree.tree_map(_doubled, arguments)
    try:
        double = copied(module).double()
        _output(double, given)
    except Exception:  # whatever a user's forward raises at another precision than it was written for
        return module, arguments
    return double, given


def _doubled(leaf: Any) -> Any:
    return leaf.double() if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf


def _error_of(module: nn.Module, proposals: Sequence[Proposal], arguments: Arguments) -> float:
    return output_error(module, rewritten(module, proposals).module, arguments)


def output_error(before: nn.Module, after: nn.Module, arguments: Arguments) -> float:
    """|after - before| / |before| of the outputs, the largest of several; neither module is altered.

    Problem when they give different numbers of outputs, and whatever their forwards raise.
    """
    pairs = list(_pairs(*(_output(module, arguments) for module in (before, after))))
    return max((relative(one, other) for one, other in pairs), default=0.0)


def _output(module: nn.Module, arguments: Arguments) -> list[Any]:
    """What a copy of the model gives, so that no call leaves a mark; its random numbers are the same every time."""
    args, kwargs = pytree.tree_map(_own, arguments)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return pytree.tree_leaves(with_own_state(module)(*args, **kwargs))


def _own(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    if len(before) != len(after):
        raise Problem(f"the rewritten model gives {len(after)} outputs where the model gives {len(before)}")
    for one, other in zip(before, after, strict=True):
        if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
            yield (one.values(), other.values()) if one.is_nested and other.is_nested else (one, other)


def relative(before: torch.Tensor, after: torch.Tensor) -> float:
    """|after - before| / |before|; infinite where shapes differ or one has values that are not finite."""
    if before.shape != after.shape:
        return float("inf")
    one, other = (_as_numbers(tensor) for tensor in (before, after))
    difference = torch.nan_to_num(other - one, nan=0.0) if one.isnan().equal(other.isnan()) else other - one
    distance, norm = float(difference.norm()), float(torch.nan_to_num(one, nan=0.0).norm())
    if distance != distance:  # not a number on one side only
        return float("inf")
    return distance / norm if norm else distance


def _as_numbers(tensor: torch.Tensor) -> torch.Tensor:
    dense = tensor.dequantize() if tensor.is_quantized else tensor
    return dense.to_dense().to(torch.complex128 if dense.is_complex() else torch.float64).flatten()


def _tolerance(module: nn.Module) -> float:
    """Of the coarsest floating-point type among the parameters."""
    kinds = {parameter.dtype for parameter in module.parameters()} & TOLERANCE.keys()
    return max((TOLERANCE[kind] for kind in kinds), default=TOLERANCE[torch.float32])
