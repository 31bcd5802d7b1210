"""What a model's weights say of proposals: what carrying them over keeps, asked of every one within bounded work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

from analyzer.advising import Advised
from analyzer.values.convolution import Convolution, Linear, ReLU, Unit
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import Evidence, NoEvidence

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analyzer.evidence import CarryingPlan, Known, NormStatistics
    from analyzer.loading.loaded_model import LoadedModel

WORK = 50_000_000
"""Cells of energy matrices times groups, over all searches for groups: some seconds of one core. Where the proposals
take more, each is searched for less; alternatives are asked while there is work left, the cheapest first."""
CELLS = 2**28
"""Of the matrices of linear layers that are asked, the smaller ones first: those of VGG-16 are half of it, and take two
seconds of one core."""
TRAINED = 0.05
"""Weights that keep so much more than random ones, in one layer at least, have been trained."""


def with_evidence(advised: Sequence[Advised], facts: ModelFacts, loaded: LoadedModel) -> tuple[Advised, ...]:
    """The advice with what the weights say of it; as it is where there are no weights."""
    weights = weights_of(loaded)
    if not weights:
        return tuple(advised)
    asked = WeightQuestions(facts, weights, _effort(advised, facts))
    found = [(item, asked.of(item)) for item in advised]
    spared = WORK - sum(_work(item, facts) for item in advised)
    others = _of_others(advised, facts, asked, spared)
    trained = any(isinstance(evidence, Evidence) and evidence.excess >= TRAINED for _, evidence in found)
    weighed = [_weighed(item, evidence, trained) for item, evidence in found]
    return tuple(
        replace(item, others=tuple(_weighed(other, others.get(id(other)), trained) for other in item.others))
        for item in weighed
    )


def weights_of(loaded: LoadedModel) -> Mapping[str, Tensor]:
    """The checkpoint's tensors, or the module's own where they have values; none where there are none."""
    if loaded.weights is not None:
        return loaded.weights()
    return _own(loaded.module)


def _own(module: nn.Module) -> Mapping[str, Tensor]:
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    return {} if any(tensor.is_meta for tensor in tensors.values()) else tensors


def _of_others(
    advised: Sequence[Advised], facts: ModelFacts, asked: WeightQuestions, spared: int
) -> Mapping[int, Evidence | NoEvidence | None]:
    """By identity, what is said of alternatives: the cheapest ones are asked, as far as the work allows."""
    others = sorted((other for item in advised for other in item.others), key=lambda other: _work(other, facts))
    reached = accumulate(_work(other, facts) for other in others)
    return {
        id(other): asked.of(other) if work <= max(0, spared) else NoEvidence("too long")
        for other, work in zip(others, reached, strict=True)
    }


def _effort(advised: Sequence[Advised], facts: ModelFacts) -> float:
    return min(1.0, WORK / max(1, sum(_work(item, facts) for item in advised)))


def _work(item: Advised, facts: ModelFacts) -> int:
    """Cells times groups of a search for groups; other questions are cheap."""
    layer = facts.convolutions.get(item.advice.path)
    if layer is None or item.proposal is None:
        return 0
    units = dict(item.proposal.replacements).get(item.advice.path, ())
    groups = max((unit.groups for unit in units if isinstance(unit, Convolution)), default=1)
    is_search = len(units) == 1 and groups > 1
    return prod(layer.convolution.weight_shape[:2]) * groups if is_search else 0


class WeightQuestions:
    """Asks the weights of one model; what was found of a layer's weight is kept for the other proposals for it."""

    def __init__(self, facts: ModelFacts, weights: Mapping[str, Tensor], effort: float = 1.0) -> None:
        self.facts, self.weights, self.effort = facts, weights, effort
        self.known: dict[str, Known] = defaultdict(dict)
        sizes = sorted((linear.in_features * linear.out_features, linear.path) for linear in facts.linears)
        reached = accumulate(size for size, _ in sizes)
        self.too_large = {path for total, (_, path) in zip(reached, sizes, strict=True) if total > CELLS}

    def of(self, item: Advised) -> Evidence | NoEvidence | None:
        """What carrying the weights over keeps; None where nothing is asked: of exact changes, of facts."""
        from analyzer.evidence import evidence_of

        path, weight = item.advice.path, self.weights.get(f"{item.advice.path}.weight")
        if item.advice.effort == "none" or weight is None or item.proposal is None:
            return None
        units = dict(item.proposal.replacements).get(path, ())
        layer = self.facts.convolutions.get(path)
        if any(isinstance(unit, ReLU) for unit in units):
            return None  # whatever the weights keep, the function between them is another one
        if layer is None:
            return NoEvidence("too long") if path in self.too_large else self._of_matrix(path, weight, units)
        if tuple(weight.shape) != layer.convolution.weight_shape:
            return None
        reads, feeds = self._statistics(layer.rectified), self._statistics(layer.norm)
        return evidence_of(layer.convolution, units, weight, reads, feeds, self._plan(layer), self.known[path])

    def kept(self, item: Advised) -> float | None:
        """Share of the weight energy that one proposal keeps; None where that is not known."""
        evidence = self.of(item)
        return evidence.kept if isinstance(evidence, Evidence) else None

    def weighed(self, item: Advised) -> Advised:
        """With what the weights say of it."""
        return _weighed(item, self.of(item), trained=True)

    def _of_matrix(self, path: str, weight: Tensor, units: Sequence[Unit]) -> Evidence | NoEvidence | None:
        """Of linear layers in the place of one: that of convolutions without a kernel."""
        from analyzer.evidence import evidence_of

        chain = [_as_convolution(unit.in_features, unit.out_features) for unit in units if isinstance(unit, Linear)]
        if len(chain) != len(units) or weight.dim() != 2:
            return None
        return evidence_of(_as_convolution(*reversed(weight.shape)), chain, weight, known=self.known[path])

    def _plan(self, layer: ConvolutionFacts) -> CarryingPlan:
        from analyzer.evidence import CarryingPlan
        from analyzer.rewriting.channel_order import movable

        return CarryingPlan(*movable(layer.path, self.facts), self.effort)

    def _statistics(self, norm: str | None) -> NormStatistics | None:
        from analyzer.evidence import NormStatistics

        if norm is None:
            return None
        names = ("running_mean", "running_var", "weight", "bias")
        batches = self.weights.get(f"{norm}.num_batches_tracked")
        tensors = {name: self.weights.get(f"{norm}.{name}") for name in names}
        return NormStatistics(**tensors, num_batches_tracked=None if batches is None else int(batches))


def _as_convolution(inputs: int, outputs: int) -> Convolution:
    return Convolution(inputs, outputs, (), (), (), ())


def _weighed(item: Advised, evidence: Evidence | NoEvidence | None, trained: bool) -> Advised:
    """With the evidence; with the share that is kept where the model is trained, as else it says nothing."""
    if evidence is None:
        return item
    kept = evidence.kept if trained and isinstance(evidence, Evidence) else None
    return replace(item, evidence=evidence, advice=replace(item.advice, kept=kept))
