"""From a layer's averages to the layer that takes its place, weights in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.evidence.grouping import best_grouping
from analyzer.fitting import factoring, layer_choices
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.layer_target import Factors, LayerTarget
from analyzer.fitting.moments import Moments, Rows
from analyzer.fitting.networks import is_known_by_outputs
from analyzer.rewriting.constructors import module_of

SOLVERS: dict[str, Callable[[LayerTarget, Sequence[int]], Iterator[Factors]]] = {
    layer_choices.OUTPUTS: factoring.of_outputs,
    layer_choices.INPUTS: factoring.of_inputs,
    layer_choices.SPATIAL: factoring.spatial,
    layer_choices.GROUPED: factoring.grouped,
    layer_choices.DILATED: factoring.dilated,
    layer_choices.DEPTHWISE_FIRST: factoring.depthwise_first,
    layer_choices.POINTWISE_FIRST: factoring.pointwise_first,
}
LEAST = 1e-3
"""Of the largest, what an output counts for at least, so that one scaled to nothing still has a place."""


@dataclass(frozen=True)
class Fitted:
    """A new layer and what it gives beside the wanted outputs."""

    layer: nn.Module
    error: float
    """Mean square that is missing of the outputs, of the whole."""
    shift: Tensor
    """What its outputs are on average above the wanted ones, (out,); none where it has a bias that settled it."""


@dataclass(frozen=True)
class Replaceable:
    """One layer of the model as it is, and what was gathered about it."""

    layer: nn.Module
    norm: _BatchNorm | None
    target: LayerTarget

    @classmethod
    def of(cls, layer: nn.Module, norm: _BatchNorm | None, moments: Moments) -> Replaceable:
        """Outputs may be shifted where a bias or a normalization after them can take that up."""
        bias = layer.bias
        averages = moments.averages(bias is not None or norm is not None)
        weight = layer.get_parameter("weight").detach()
        if is_known_by_outputs(layer):
            weight = torch.eye(len(averages.wanted), device=weight.device)
            if isinstance(bias, Tensor):  # the first of two layers gives the outputs without it
                averages = replace(averages, read=averages.read - bias.detach())
        return cls(layer, norm, LayerTarget.of(averages, weight, _scale(norm, weight)))

    def towards(self, rows: Iterable[Rows]) -> Replaceable:
        """With other targets for the very rows that were gathered."""
        weight = self.layer.get_parameter("weight").detach()
        target = LayerTarget.of(self.target.averages.towards(rows), weight, self.target.scale)
        return replace(self, target=target)

    def fitted(self, choices: Sequence[LayerChoice]) -> Mapping[LayerChoice, Fitted]:
        """Each choice with the weights that serve best in it."""
        kinds: dict[str, list[LayerChoice]] = {}
        for choice in choices:
            kinds.setdefault(choice.kind, []).append(choice)
        return {
            choice: self._with(choice, factors)
            for kind, own in kinds.items()
            for choice, factors in zip(own, SOLVERS[kind](self.target, [c.setting for c in own]), strict=True)
        }

    def _with(self, choice: LayerChoice, factors: Factors) -> Fitted:
        weights = factors.weights
        if is_known_by_outputs(self.layer):
            weights = self._through(weights[0]), self._wider(weights[1])
        new = module_of(choice.units, self.layer)
        layers = list(new) if isinstance(new, nn.Sequential) else [new]
        shift = _filled(layers, weights, factors.mean - self.target.averages.wanted)
        return Fitted(new, self.target.error(factors), shift)

    def regrouped(self, groups: int) -> Fitted:
        """A dense layer that reads as groups would once the channels around are renumbered: other weights are 0."""
        old = self.layer.get_parameter("weight").detach()
        best = best_grouping(self.target.scaled.T.reshape(old.shape), groups)
        rows, columns = torch.tensor(best.rows), torch.tensor(best.columns)
        factors = factoring.grouped_as(self.target, groups, rows, columns)
        blocks = (block.flatten(1) for block in factors.weights[0].chunk(groups))
        dense = torch.zeros_like(old, dtype=torch.float64)
        dense[rows[:, None], columns] = torch.block_diag(*blocks).reshape(dense.shape)
        new = copy.deepcopy(self.layer)
        shift = _filled([new], [dense], factors.mean - self.target.averages.wanted)
        return Fitted(new, self.target.error(factors), shift)

    def _through(self, first: Tensor) -> Tensor:
        """(rank, out) of the layer's own outputs as a kernel on what it reads."""
        weight = self.layer.get_parameter("weight").detach().double()
        if getattr(self.layer, "transposed", False):
            return torch.einsum("ro,io...->ir...", first.flatten(1), weight)
        return (first.flatten(1) @ weight.flatten(1)).reshape(-1, *weight.shape[1:])

    def _wider(self, second: Tensor) -> Tensor:
        dimensions = self.layer.get_parameter("weight").dim()
        return second.reshape(*second.shape[:2], *(1,) * (dimensions - 2))


@torch.no_grad()
def _filled(layers: Sequence[nn.Module], weights: Sequence[Tensor], shift: Tensor) -> Tensor:
    """Put the weights in, and let a bias of the last layer take up the shift; what is left of it."""
    for layer, weight in zip(layers, weights, strict=True):
        layer.get_parameter("weight").copy_(weight)
    if not isinstance(layers[-1].bias, nn.Parameter):
        return shift
    layers[-1].bias.copy_(-shift)
    return torch.zeros_like(shift)


def _scale(norm: _BatchNorm | None, weight: Tensor) -> Tensor:
    """γ / √(σ² + ε) of the normalization, (out,); ones without."""
    if norm is None or norm.running_var is None:
        return torch.ones(len(weight), device=weight.device)
    gain = (norm.running_var + norm.eps).rsqrt()
    gain = gain if norm.weight is None else gain * norm.weight.detach().abs()
    return gain.clamp_min(LEAST * gain.max() + 1e-12)


def shifted(norm: _BatchNorm, shift: Tensor) -> None:
    """Let the normalization take off what its inputs are shifted by; the stored tensor itself is not touched."""
    if norm.running_mean is not None:
        norm.running_mean = (norm.running_mean.double() + shift).to(norm.running_mean.dtype)
