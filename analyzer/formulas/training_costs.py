"""Adds up a training step by layer, and says to the integer why it does not take 6·N·D FLOPs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from analyzer.formulas.count import Count
from analyzer.formulas.provenance import Provenance, Source
from analyzer.values.graph import Op, Parameter
from analyzer.values.recorded_steps import StepTrace
from analyzer.values.training_work import (
    FLOPS_PER_MAC,
    RULE,
    TrainingCause,
    TrainingLayer,
    TrainingWork,
)

Column = Literal["forward", "input_gradient", "weight_gradient", "recomputed"]
Kind = Literal["convolution", "linear", "activations", "weights"]
"""What an operator multiplies: inputs by weights, in a convolution or elsewhere; no weights; or weights alone."""
LOOKUPS = {"aten.embedding", "aten._embedding_bag", "aten._embedding_bag_forward_only", "aten.index"}
LOOKUPS |= {"aten.index_select", "aten.gather", "aten.take"}
ASSUMPTIONS = (
    "the step runs in training mode, and its loss is the sum of all outputs",
    "attention is counted as its plain products; a fused kernel computes the scores once more in the backward",
)


@dataclass(frozen=True)
class Share:
    """A part of an operator's MACs."""

    column: Column
    kind: Kind | None
    """None where it is not known which forward operator a backward one belongs to."""
    weights: Source
    macs: int


def training_work(step: StepTrace) -> TrainingWork:
    """The rows of a step, and the causes of its difference to the rule."""
    return StepCount(step).work


class StepCount:
    """The count of one step."""

    def __init__(self, step: StepTrace) -> None:
        self._step = step
        self._count = Count(step.trace)
        self._sources = Provenance(step)

    @property
    def work(self) -> TrainingWork:
        """The whole of it."""
        samples, samples_are = _samples(self._step)
        return TrainingWork(
            layers=tuple(self._layers),
            params=sum(p.numel for p in self._count.parameters),
            samples=samples,
            samples_are=samples_are,
            causes=tuple(TrainingCause(name, flops) for name, flops in self._causes(samples).items() if flops),
            uncounted=self._count.uncounted,
            assumptions=ASSUMPTIONS,
        )

    @cached_property
    def _products(self) -> Mapping[int, Op]:
        """The first contraction that each node of autograd was made for."""
        found: dict[int, Op] = {}
        for op, place in zip(self._step.trace.graph, self._step.places, strict=True):
            if place.phase != "backward" and self._macs(op):
                found.setdefault(place.node, op)
        return found

    def _macs(self, op: Op) -> int:
        cost = self._count.costs[op]
        return cost.macs if cost else 0

    @cached_property
    def _shares(self) -> Mapping[Op, tuple[Share, ...]]:
        placed = zip(self._step.trace.graph, self._step.places, strict=True)
        return {op: tuple(self._shares_of(op, place.phase, place.node)) for op, place in placed if self._macs(op)}

    def _shares_of(self, op: Op, phase: str, node: int) -> Iterator[Share]:
        if phase != "backward":
            column: Column = "forward" if phase == "forward" else "recomputed"
            yield Share(column, self._kind(op), self._weights(op), self._macs(op))
            return
        product = self._products.get(node)
        kind = None if product is None else self._kind(product)
        weights = None if product is None else self._weights(product)
        for column, macs in self._gradients(op, kind):
            yield Share(column, kind, weights, macs)

    def _gradients(self, op: Op, kind: Kind | None) -> Iterator[tuple[Column, int]]:
        """Gradients that one operator computes; one that reads a weight differentiates by what was multiplied by it."""
        mask = op.arguments.get("output_mask", op.arguments.get("mask"))
        macs = self._macs(op)
        if isinstance(mask, tuple) and len(mask) > 1:
            columns: tuple[Column, ...] = ("input_gradient", "weight_gradient")
            wanted = [column for column, is_wanted in zip(columns, mask, strict=False) if is_wanted]
            yield from ((column, macs // len(wanted)) for column in wanted)
        elif kind == "weights" or (kind not in ("activations", None) and not any(self._sources.factors[op])):
            yield "weight_gradient", macs
        else:
            yield "input_gradient", macs

    def _kind(self, op: Op) -> Kind:
        factors = self._sources.factors[op]
        if not any(factors):
            return "activations"
        if None not in factors:
            return "weights"
        return "convolution" if "conv" in op.packet else "linear"

    def _weights(self, op: Op) -> Source:
        return frozenset().union(*(source for source in self._sources.factors[op] if source))

    @property
    def _layers(self) -> Iterator[TrainingLayer]:
        rows: dict[str, dict[Column, int]] = defaultdict(lambda: defaultdict(int))
        placed = zip(self._step.trace.graph, self._step.places, strict=True)
        for op, place in placed:
            for share in self._shares.get(op, ()):
                rows[self._owner(op, place.phase, place.node)][share.column] += share.macs
        return (TrainingLayer(path, **columns) for path, columns in rows.items())

    def _owner(self, op: Op, phase: str, node: int) -> str:
        """A gradient belongs to the layer that it is the gradient of, and what is repeated to where it ran first."""
        owner = self._count.owners[op]
        if phase == "backward":
            product = self._products.get(node)
            return owner if product is None else self._owner(product, "recompute", -1)
        if phase == "recompute" and not owner and (weights := self._weights(op)):
            return self._first_with.get(weights, owner)
        return owner

    @cached_property
    def _first_with(self) -> Mapping[Source, str]:
        """The layer that first used some weights."""
        found: dict[Source, str] = {}
        for op, place in zip(self._step.trace.graph, self._step.places, strict=True):
            if place.phase == "forward" and self._macs(op) and (weights := self._weights(op)):
                found.setdefault(weights, self._count.owners[op])
        return found

    def _causes(self, samples: int) -> Mapping[str, int]:
        """By name the FLOPs beyond 6·N·D, which is 3 × the forward's where every weight is used once a sample.

        Σ(2·3·forward − 6·|w|·D) over weights in products, − 6·|w|·D over the others, less what the gradients lack.
        """
        causes: dict[str, int] = defaultdict(int)
        groups: dict[Source, dict[Column, int]] = defaultdict(lambda: defaultdict(int))
        for share in (share for shares in self._shares.values() for share in shares):
            if share.column == "recomputed":
                causes["recomputation"] += FLOPS_PER_MAC * share.macs
            elif share.kind in ("convolution", "linear"):
                groups[share.weights][share.column] += share.macs
                causes[_uses(share.kind)] += RULE * share.macs if share.column == "forward" else 0
            else:
                causes[_WITHOUT_WEIGHTS[share.kind]] += FLOPS_PER_MAC * share.macs
        for weights, macs in groups.items():
            causes["inputs without gradient"] += FLOPS_PER_MAC * (macs["input_gradient"] - macs["forward"])
            causes[self._lacking(weights)] += FLOPS_PER_MAC * (macs["weight_gradient"] - macs["forward"])
        for parameter in self._count.parameters:
            causes[self._role(parameter)] -= RULE * parameter.numel * samples
        return causes

    def _lacking(self, weights: Source) -> str:
        trained = {p.name for p in self._count.parameters if p.trainable}
        return "weights without gradient" if trained & (weights or set()) else "frozen weights"

    def _role(self, parameter: Parameter) -> str:
        return self._roles.get(parameter.name) or ("added or scaled" if parameter.name in self._used else "never used")

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        """The cause to which each parameter belongs that is in a product or looked up."""
        roles: dict[str, str] = {}
        for share in (share for shares in self._shares.values() for share in shares):
            if share.kind in ("convolution", "linear"):
                roles |= dict.fromkeys(share.weights or (), _uses(share.kind))
        looked_up = (self._read(op) for op in self._step.trace.graph if op.packet in LOOKUPS)
        return {**{name: "lookups" for names in looked_up for name in names}, **roles}

    def _read(self, op: Op) -> frozenset[str]:
        return frozenset(name for source in self._sources.factors[op] for name in source or ())

    @cached_property
    def _used(self) -> frozenset[str]:
        identities = {p.name: p.identity for p in self._step.trace.parameters}
        read = {identities[t.weight] for op in self._step.trace.graph for t in op.inputs if t.weight in identities}
        return frozenset(p.name for p in self._count.parameters if p.identity in read)


def _uses(kind: Kind | None) -> str:
    return "convolutions" if kind == "convolution" else "linear layers"


_WITHOUT_WEIGHTS: Mapping[Kind | None, str] = {
    "activations": "attention",
    "weights": "computed weights",
    None: "other gradients",
}


def _samples(step: StepTrace) -> tuple[int, Literal["tokens", "samples"]]:
    """D: the tokens of the first input of integers, else the images, clips or rows of the first input."""
    inputs = step.trace.inputs
    for tokens in inputs:
        if tokens.dtype.startswith("int") and len(tokens.shape) > 1:
            number = 1
            for size in tokens.shape:
                number *= size
            return number, "tokens"
    first = next((given.shape for given in inputs if given.shape), (1,))
    return first[0], "samples"
