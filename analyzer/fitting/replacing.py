"""From a layer's averages to the layer that takes its place, weights in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.fitting import factoring, layer_choices
from analyzer.fitting.factoring import grouped
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.fitting.layer_target import Factors, LayerTarget
from analyzer.fitting.moments import Moments
from analyzer.fitting.networks import is_known_by_outputs
from analyzer.rewriting.constructors import module_of

SOLVERS: dict[str, Callable[[LayerTarget, int], Factors]] = {
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
    order: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """Outputs and channels read as `wanted` has them, where that is not as the layer has them."""

    @classmethod
    def of(cls, layer: nn.Module, norm: _BatchNorm | None, moments: Moments) -> Replaceable:
        """Outputs may be shifted where a bias or a normalization after them can take that up."""
        bias = layer.bias
        averages = moments.centred(bias is not None or norm is not None)
        weight = layer.get_parameter("weight").detach()
        if is_known_by_outputs(layer):
            weight = torch.eye(len(averages.wanted), device=weight.device)
            if isinstance(bias, Tensor):  # the first of two layers gives the outputs without it
                averages = replace(averages, read=averages.read - bias.detach())
        return cls(layer, norm, LayerTarget.of(averages, weight, _scale(norm, weight)))

    def fitted(self, choice: LayerChoice) -> Fitted:
        """The choice with the weights that serve best in it."""
        factors = SOLVERS[choice.kind](self.target, choice.setting)
        if is_known_by_outputs(self.layer):
            factors = replace(factors, weights=(self._through(factors.weights[0]), self._wider(factors.weights[1])))
        new = module_of(choice.units, self.layer)
        layers = list(new) if isinstance(new, nn.Sequential) else [new]
        shift = _filled(layers, factors.weights, factors.mean - self.target.averages.wanted)
        return Fitted(new, self.target.error(factors), shift)

    def arranged(self, rows: Sequence[int], columns: Sequence[int]) -> Replaceable:
        """The same with its outputs and the channels that it reads in another order."""
        return replace(self, target=self.target.arranged(rows, columns), order=(tuple(rows), tuple(columns)))

    def fitted_dense(self, choice: LayerChoice) -> Fitted:
        """A grouped choice of an arranged layer as a dense layer in the original order: what other groups read is 0."""
        factors = grouped(self.target, choice.setting)
        rows, columns = map(torch.tensor, self.order)
        blocks = (block.flatten(1) for block in factors.weights[0].chunk(choice.setting))
        old = self.layer.get_parameter("weight").detach()
        dense = torch.zeros_like(old, dtype=torch.float64)
        dense[rows[:, None], columns] = torch.block_diag(*blocks).reshape(dense.shape)
        shift = (factors.mean - self.target.averages.wanted)[rows.argsort()]
        new = copy.deepcopy(self.layer)
        return Fitted(new, self.target.error(factors), _filled([new], [dense], shift))

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
