"""Carries the weights of the layers that proposals replace over to the layers that take their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from analyzer.rewriting.affine import composed, summed, without_bias
from analyzer.rewriting.approximating import approximate, factor_linear
from analyzer.rewriting.constant_weights import kind_of, plain_form, store_as_they_are
from analyzer.rewriting.constructors import module_of
from analyzer.rewriting.copying import copied
from analyzer.rewriting.eligibility import replaceable
from analyzer.rewriting.kernels import dense_kernel, store
from analyzer.rewriting.output_error import relative_error
from analyzer.rewriting.replaceability import reason_for_kind
from analyzer.rewriting.swapping import made_anew, put
from analyzer.values.convolution import Convolution, Identity, PartOf, Proposal, Submodule, Unit
from analyzer.values.errors import Problem


@dataclass(frozen=True)
class Rewritten:
    """A module with proposals put in, and how near the new layers come to the old ones."""

    module: nn.Module
    errors: Mapping[str, float]
    """For each proposal's first layer: |new - old| / |old| of what its layers give on random input.

    A proposal that changes the resolution between its layers has none.
    """
    fresh: tuple[str, ...] = ()
    """Layers whose replacement starts from fresh weights, as no approximation of the old ones is known."""


def rewritten(module: nn.Module, proposals: Iterable[Proposal]) -> Rewritten:
    """A copy of the module with the proposals in it and weights carried over; the module itself is not touched.

    Exact proposals (folded normalization, a bias before one, a product of pointwise convolutions) keep the function in
    eval mode; the others get the nearest weights in the least-squares sense, or fresh ones. Problem where a layer
    cannot be replaced.
    """
    result = _copied(module)
    listed = list(proposals)
    layers = replaceable(result, listed)
    changes = [_Change.of(proposal, layers, result) for proposal in listed]
    errors, fresh = {}, []
    for change in changes:
        path = next(iter(change.old))
        if not change.carry():
            fresh.append(path)
        if change.is_comparable:
            errors[path] = change.error()
    everything = {path: layer for change in changes for path, layer in change.new.items()}
    return Rewritten(put(result, everything, listed), errors, tuple(fresh))


def refuse_without_values(module: nn.Module) -> None:
    """Problem for a module on the meta device."""
    if any(tensor.is_meta for tensor in module.parameters()):
        raise Problem(f"{type(module).__name__} has no values to carry over; load its weights first")


def _copied(module: nn.Module) -> nn.Module:
    refuse_without_values(module)
    try:
        return copied(module)
    except Exception as error:
        raise Problem(f"{type(module).__name__} cannot be copied ({error}), so it cannot be rewritten") from error


@dataclass(frozen=True)
class _Change:
    """The layers that one proposal replaces and those that it puts there, in the order in which data passes them."""

    old: Mapping[str, nn.Module]
    new: Mapping[str, nn.Module]
    units: tuple[tuple[Unit, ...], ...]
    """What is proposed for each layer, which the new ones were made of."""
    size: tuple[int, ...]

    @classmethod
    def of(cls, proposal: Proposal, layers: Mapping[str, nn.Module], model: nn.Module) -> _Change:
        old = {path: layers[path] for path, _ in proposal.replacements}
        new = {path: module_of(units, old[path], model) for path, units in made_anew(proposal)}
        everything = tuple(units for _, units in proposal.replacements)
        sizes = (unit.input_size for units in everything for unit in units if isinstance(unit, Convolution))
        return cls(old, new, everything, next(sizes, ()))

    @property
    def stacks(self) -> bool:
        """Whether the first layer computes the channels of all, which read the same tensor."""
        return any(isinstance(unit, PartOf) for units in self.units for unit in units)

    @property
    def adds_up(self) -> bool:
        """Whether the first module is replaced as a whole, by what its parallel branches do together."""
        return not all(self.units)

    @property
    def merges(self) -> bool:
        """Whether the first layer takes over what linear layers after it did."""
        (_, *others), (first, *rest) = self.old.values(), self.units
        linear = all(isinstance(layer, _ConvNd | _BatchNorm) for layer in others)
        computes = (unit for units in rest for unit in units if not isinstance(unit, Identity | Submodule))
        return linear and len(first) == 1 and isinstance(first[0], Convolution) and not any(True for _ in computes)

    @property
    def moves_bias(self) -> bool:
        """Whether the layers are a convolution and its normalization before and after."""
        kinds = [[type(layer) for layer in layers.values()] for layers in (self.old, self.new)]
        return kinds[0] == kinds[1] and len(kinds[0]) == 2 and issubclass(kinds[0][1], _BatchNorm)

    @property
    def removes(self) -> bool:
        """Whether all that is left are identities: what goes is not part of what the model computes."""
        return all(isinstance(unit, Identity) for units in self.units for unit in units)

    @property
    def is_comparable(self) -> bool:
        """Whether its layers are one piece of the model, with the same input and output before and after."""
        if self.adds_up:
            return True
        if not isinstance(next(iter(self.old.values())), _ConvNd | nn.Linear) or self.removes:
            return False
        return len(self.old) == 1 or self.merges or self.moves_bias

    def carry(self) -> bool:
        """Fill the new layers; False when one of them keeps fresh weights."""
        if self.removes:
            return True
        old, new = [_as_plain(layer) for layer in self.old.values()], list(self.new.values())
        if self.stacks:
            return _carry_stacked(old, new[0])
        if self.adds_up:
            return _carry_sum(old[1:], new[0])
        if len(old) > 1 and self.merges:
            return _carry_merged(old, new[0])
        if self.moves_bias:
            return without_bias(old, new)
        carried = [_carry_alone(before, after) for before, after in zip(old, new, strict=True)]
        return all(carried)

    def error(self) -> float:
        """How far the new layers are from the old ones on random input, relative to what these give."""
        old = list(self.old.values())
        return relative_error(
            nn.Sequential(*(old[:1] if self.adds_up else old)), nn.Sequential(*self.new.values()), self.size
        )


def _as_plain(layer: nn.Module) -> nn.Module:
    """The layer; where it computes a constant weight, the plain one that stores it."""
    return plain_form(layer) if kind_of(layer) is not None and reason_for_kind(layer) else layer


def _carry_alone(old: nn.Module, new: nn.Module) -> bool:
    """The layers that take the place of one convolution: the nearest weights there are for them."""
    if isinstance(old, nn.Linear):
        return factor_linear(old, new) if isinstance(new, nn.Sequential) else _copy(old, new)
    if not isinstance(old, _ConvNd):
        return isinstance(new, nn.Identity)
    if isinstance(new, _ConvNd) and new.weight.shape == old.weight.shape:
        return _copy(old, new)
    layers = list(new) if isinstance(new, nn.Sequential) else [new]
    chain = tuple(layer for layer in layers if isinstance(layer, _ConvNd))
    kernel, bias = dense_kernel(old), None if old.bias is None else old.bias.detach()
    if isinstance(layers[-1], nn.ChannelShuffle):
        order = _before_shuffle(old.out_channels, layers[-1].groups)
        kernel, bias = kernel[order], None if bias is None else bias[order]
    shuffles = any(isinstance(layer, nn.ChannelShuffle) for layer in layers[:-1])
    return bool(chain) and not shuffles and approximate(kernel, bias, old, chain)


def _copy(old: nn.Module, new: nn.Module) -> bool:
    new.load_state_dict(old.state_dict(), strict=False)
    return True


def _before_shuffle(channels: int, groups: int) -> torch.Tensor:
    """Which channel must be computed at each place so that the shuffle puts all of them where they were.

    The shuffle moves channel b · channels / groups + j to j · groups + b.
    """
    return torch.arange(channels).reshape(-1, groups).t().reshape(-1)


def _carry_merged(old: list[nn.Module], new: nn.Module) -> bool:
    """One convolution in the place of several layers without anything nonlinear between: their product."""
    kernel, bias = composed(old)
    if not isinstance(new, _ConvNd) or (new.bias is None and bool(bias.any())):
        return False
    store(new, kernel, bias)
    return True


def _carry_stacked(old: Sequence[nn.Module], new: nn.Module) -> bool:
    """One convolution in the place of several that read the same tensor: their kernels one below the other."""
    layers = [layer for layer in old if isinstance(layer, _ConvNd)]
    biases = [layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias for layer in layers]
    store_as_they_are(new, torch.cat([layer.weight for layer in layers]), torch.cat(biases))
    return True


def _carry_sum(parts: Sequence[nn.Module], new: nn.Module) -> bool:
    """One convolution, and what comes after it, in the place of a module that adds parallel branches."""
    convolution = new[0] if isinstance(new, nn.Sequential) else new
    if not isinstance(convolution, _ConvNd):
        return False
    store(convolution, *summed(_branches(parts), convolution))
    return True


def _branches(parts: Iterable[nn.Module]) -> list[list[nn.Module]]:
    """Layers in a row taken apart: each before the first convolution is a branch, then each convolution begins one."""
    branches: list[list[nn.Module]] = []
    for part in parts:
        begins = isinstance(part, _ConvNd) or not branches or not isinstance(branches[-1][0], _ConvNd)
        if begins:
            branches.append([])
        branches[-1].append(part)
    return branches
