"""The one way in which proposals become a module with weights: reorder channels, carry weights over, re-estimate."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from analyzer.rewriting.carrying import rewritten
from analyzer.rewriting.channel_order import ordered, random_arguments
from analyzer.rewriting.end_to_end import relative
from analyzer.values.convolution import Proposal
from analyzer.values.counts import Input
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts


@dataclass(frozen=True)
class CarriedOut:
    """A module with proposals in it, and how far it is from the one before on random input."""

    module: nn.Module
    errors: Mapping[str, float]
    """By the first layer of each proposal: |new - old| / |old| of what its layers give."""
    fresh: tuple[str, ...] = ()
    """Layers that start from new weights."""
    error: float | None = None
    """The same of what the whole model gives; None where it could not be run."""


def carry_out(
    module: nn.Module,
    proposals: Sequence[Proposal],
    facts: ModelFacts | None = None,
    inputs: Sequence[Input] = (),
    calibration: Iterable[Any] | None = None,
) -> CarriedOut:
    """A copy of the module with the proposals in it; the module itself is not touched.

    With facts, and the inputs that the module was traced with, channels between layers are put in the order that a
    grouped convolution keeps most of. With calibration inputs (batches: a tensor, or a tuple of arguments, each) the
    statistics of batch normalizations are estimated anew. Problem where a layer cannot be replaced.
    """
    renumbered = ordered(module, proposals, facts, inputs) if facts else module
    result = rewritten(renumbered, proposals)
    if calibration is not None:
        reestimate(result.module, calibration)
    return CarriedOut(result.module, result.errors, result.fresh, _error(module, result.module, inputs))


def reestimate(module: nn.Module, batches: Iterable[Any]) -> None:
    """Set what batch normalizations store to the mean over the batches, all else as in evaluation.

    Problem when there is no batch, or the module refuses one. Training modes are afterwards as before.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.running_mean is not None]
    modes = {layer: layer.training for layer in module.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.train().momentum = None
    try:
        _run(module, batches)
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        for layer, training in modes.items():
            layer.training = training


def _run(module: nn.Module, batches: Iterable[Any]) -> None:
    seen = 0
    with torch.no_grad():
        for batch in [batches] if isinstance(batches, torch.Tensor) else batches:
            arguments = tuple(batch) if isinstance(batch, list | tuple) else (batch,)
            try:
                module(*arguments)
            except Exception as error:  # whatever a user's forward raises
                first = str(error).partition("\n")[0]
                raise Problem(f"the model refuses a calibration input: {type(error).__name__}: {first}") from error
            seen += 1
    if not seen:
        raise Problem("there are no calibration inputs; give at least one batch")


def _error(before: nn.Module, after: nn.Module, inputs: Sequence[Input]) -> float | None:
    """|after - before| / |before| of the outputs in eval mode, the largest of several; None where it does not run."""
    if not inputs:
        return None
    try:
        with torch.no_grad():
            outputs = [
                pytree.tree_leaves(copy.deepcopy(module).eval()(**random_arguments(inputs)))
                for module in (before, after)
            ]
    except Exception:  # whatever a user's forward raises
        return None
    pairs = [pair for pair in zip(*outputs, strict=True) if all(isinstance(one, torch.Tensor) for one in pair)]
    return max((relative(*pair) for pair in pairs), default=None)
