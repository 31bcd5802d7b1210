"""The work of one training step: forward, backward and what is computed again, beside the rule of 6·N·D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.values.counts import Uncounted

FLOPS_PER_MAC = 2
RULE = 6
"""FLOPs that the rule gives each parameter for each sample: 2 forward, 2 for each of the two gradients."""


@dataclass(frozen=True, slots=True)
class TrainingLayer:
    """MACs of one layer in a training step; its children's are in their own rows."""

    path: str
    forward: int = 0
    input_gradient: int = 0
    """To differentiate by what goes into its products: by both factors where neither is a weight, as in attention."""
    weight_gradient: int = 0
    recomputed: int = 0
    """Forward work that the backward repeats, as under activation checkpointing."""


@dataclass(frozen=True, slots=True)
class TrainingCause:
    """One reason why a step does not take 6·N·D FLOPs."""

    name: str
    flops: int
    """What the step does beyond the rule; negative where it does less."""


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """One training step, counted by its recorded operators."""

    layers: tuple[TrainingLayer, ...]
    """Those with work, in execution order; they add up to the total."""
    params: int
    """N: every parameter once."""
    samples: int
    """D."""
    samples_are: Literal["tokens", "samples"]
    causes: tuple[TrainingCause, ...]
    """They add up to the step's FLOPs less 6·N·D."""
    uncounted: tuple[Uncounted, ...] = ()
    """Operators of the step without a count."""
    assumptions: tuple[str, ...] = ()

    @property
    def total(self) -> TrainingLayer:
        """The sums of all layers, under an empty path."""
        columns = ("forward", "input_gradient", "weight_gradient", "recomputed")
        return TrainingLayer("", *(sum(getattr(layer, column) for layer in self.layers) for column in columns))

    @property
    def flops(self) -> int:
        """2 × the MACs of the whole step."""
        total = self.total
        return FLOPS_PER_MAC * (total.forward + total.input_gradient + total.weight_gradient + total.recomputed)

    @property
    def rule(self) -> int:
        """6·N·D."""
        return RULE * self.params * self.samples
