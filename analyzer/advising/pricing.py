"""What layers and proposals take, by the formulas that counted the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from analyzer.formulas import cost_of
from analyzer.values.advice import Saving
from analyzer.values.convolution import (
    BatchNorm,
    ChannelShuffle,
    Convolution,
    Identity,
    Linear,
    Proposal,
    ReLU,
    Unit,
    along,
    placed,
)
from analyzer.values.counts import Cost
from analyzer.values.facts import LinearFacts, ModelFacts, RecomputedLayer
from analyzer.values.graph import Argument, Op, Tensor


@dataclass(frozen=True, slots=True)
class Price:
    """What layers take: parameters, multiply-accumulates, and bytes of inputs, outputs and weights."""

    params: int = 0
    macs: int = 0
    bytes: int = 0

    def __add__(self, other: Price) -> Price:
        return Price(self.params + other.params, self.macs + other.macs, self.bytes + other.bytes)

    def saved(self, other: Price) -> Saving:
        """What the other saves, taken instead of this."""
        return Saving(self.params - other.params, self.macs - other.macs)


@lru_cache(maxsize=4096)
def price(units: tuple[Unit, ...], first: Convolution) -> Price:
    """Units in a row, the first reading what `first` reads; the blocks of a model are alike, so prices are kept."""
    total = Price()
    for unit, op in _operators(units, first):
        total += Price(_params(unit), (cost_of(op) or Cost()).macs, _moved(op))
    return total


@lru_cache(maxsize=4096)
def operators(units: tuple[Unit, ...], first: Convolution) -> tuple[Op, ...]:
    """What units in a row run, the first reading what `first` reads."""
    return tuple(op for _, op in _operators(units, first))


def _operators(units: tuple[Unit, ...], first: Convolution) -> Iterator[tuple[Unit, Op]]:
    shape = (first.batch, first.in_channels, *first.input_size)
    for unit in placed(units, first):
        op = _operator(unit, shape, first)
        if op is not None:
            shape = op.outputs[0].shape
            yield unit, op


Layers = Sequence[tuple[tuple[Unit, ...], Convolution]]
"""Units in a row for each call of each layer, with the convolution that reads what the first of them reads."""


def current_layers(proposal: Proposal, facts: ModelFacts) -> Layers:
    """What a proposal replaces."""
    now = [(path, current_units(path, facts)) for path, _ in proposal.replacements]
    return [(units, first) for path, units in now for first in _reads(path, units, facts)]


def proposed_layers(proposal: Proposal, facts: ModelFacts) -> Layers:
    """What a proposal puts in their place."""
    return [(units, first) for path, units in proposal.replacements for first in _reads(path, units, facts)]


def current_units(path: str, facts: ModelFacts) -> tuple[Unit, ...]:
    """What stands there now, as far as it is known: a convolution, a normalization."""
    if layer := facts.convolutions.get(path):
        return (layer.convolution,)
    if linear := facts.linear_at.get(path):
        return (Linear(linear.in_features, linear.out_features, linear.has_bias),)
    return tuple(BatchNorm(call.out_channels, call.dimension) for call in _feeding(path, facts)[:1])


def current_price(proposal: Proposal, facts: ModelFacts) -> Price:
    """What the layers that a proposal replaces take now."""
    if all(units == (Identity(),) for _, units in proposal.replacements):
        gone = {module.path: Price(module.params, module.macs) for module in facts.removable}
        if all(path in gone for path, _ in proposal.replacements):
            return sum((gone[path] for path, _ in proposal.replacements), Price())
    return sum((_current_price(path, facts) for path, _ in proposal.replacements), Price())


def _current_price(path: str, facts: ModelFacts) -> Price:
    if layer := facts.recomputed_at.get(path):
        return Price(layer.params, layer.macs, sum(_moved(op) for op in layer.operators))
    return _layer_price(path, current_units(path, facts), facts)


def proposed_price(proposal: Proposal, facts: ModelFacts) -> Price:
    """What a proposal takes in their place."""
    return sum((_layer_price(path, units, facts) for path, units in proposal.replacements), Price())


def recomputed_in(proposal: Proposal, facts: ModelFacts) -> Iterator[RecomputedLayer]:
    """The layers that compute the weights which the proposal stores."""
    return (facts.recomputed_at[path] for path, _ in proposal.replacements if path in facts.recomputed_at)


def _moved(op: Op) -> int:
    return sum(tensor.nbytes for tensor in (*op.inputs, *op.outputs))


def _layer_price(path: str, units: tuple[Unit, ...], facts: ModelFacts) -> Price:
    """Work and bytes for every call of the layer, parameters once."""
    total = Price()
    for first in _reads(path, units, facts):
        once = price(units, first)
        total = Price(once.params, total.macs + once.macs, total.bytes + once.bytes)
    return total


def _reads(path: str, units: tuple[Unit, ...], facts: ModelFacts) -> Iterator[Convolution]:
    """What the layer reads at each call, as the convolution that reads it; a proposal may enlarge a single call's."""
    layer = facts.convolutions.get(path)
    if layer is None and (found := facts.recomputed_at.get(path)):
        yield from _read_by(found)
        return
    if layer is None and units and isinstance(units[0], Convolution):
        yield units[0]  # in the place of a whole module
        return
    if layer is None and (linear := facts.linear_at.get(path)):
        yield _rows_of(linear)
        return
    if layer is None:
        yield from (_written(call) for call in _feeding(path, facts))
        return
    size = next((unit.input_size for unit in units[:1] if isinstance(unit, Convolution)), ())
    is_enlarged = len(layer.calls) == 1 and size not in ((), layer.convolution.input_size)
    yield from [replace(layer.convolution, input_size=size)] if is_enlarged else layer.calls


def _read_by(layer: RecomputedLayer) -> Sequence[Convolution]:
    """What the plain layer would read at each call; of linear layers all rows at once."""
    plain = layer.plain
    if isinstance(plain, Convolution):
        return [plain] * layer.calls
    rows = layer.plain_macs // (plain.in_features * plain.out_features)
    return [Convolution(plain.in_features, plain.in_features, (), (), (), (), batch=rows)]


def _rows_of(linear: LinearFacts) -> Convolution:
    """What a linear layer reads, as rows without a spatial size."""
    return Convolution(linear.in_features, linear.in_features, (), (), (), (), batch=linear.rows)


def _feeding(path: str, facts: ModelFacts) -> tuple[Convolution, ...]:
    """The calls of the convolution that feeds a normalization, or of one that would feed a branch without any."""
    fed = next((layer.calls for layer in facts.convolutions.values() if layer.norm == path), ())
    fed = fed or next((tuple(_read_by(layer)) for layer in facts.recomputed if layer.norm == path), ())
    return fed or tuple(_beside(path, facts))


def _beside(path: str, facts: ModelFacts) -> Iterator[Convolution]:
    """What would give the tensor that a branch without a convolution normalizes, told by the branches beside it."""
    for found in facts.branch_sums:
        firsts = [branch[0] for branch in found.branches]
        convs = [facts.convolutions[first].convolution for first in firsts if first in facts.convolutions]
        if convs and any(path in branch and branch[0] not in facts.convolutions for branch in found.branches):
            yield replace(along(convs[0], ()), out_channels=convs[0].in_channels)


def _written(conv: Convolution) -> Convolution:
    return replace(conv, in_channels=conv.out_channels, input_size=conv.output_size)


def _operator(unit: Unit, shape: tuple[int, ...], first: Convolution) -> Op | None:
    """The unit as the operator that tracing would see, reading a tensor of that shape."""
    read = Tensor(shape, first.dtype, first.itemsize)
    if isinstance(unit, Convolution):
        return _convolution(unit, read)
    if isinstance(unit, BatchNorm):
        channel = Tensor((unit.channels,), first.dtype, first.itemsize)
        names = ("weight", "bias", "running_mean", "running_var")
        arguments: dict[str, Argument] = {"input": read, "training": False, **dict.fromkeys(names, channel)}
        return Op("aten.batch_norm.default", arguments, (read,))
    if isinstance(unit, Linear):
        return _product(unit, read)
    if isinstance(unit, ReLU):
        return Op("aten.relu.default", {"self": read}, (read,))
    if isinstance(unit, ChannelShuffle):
        return Op("aten.channel_shuffle.default", {"self": read, "groups": unit.groups}, (read,))
    return None


def _product(unit: Linear, read: Tensor) -> Op:
    out = replace(read, shape=(*read.shape[:-1], unit.out_features))
    weight = replace(read, shape=(unit.out_features, unit.in_features))
    bias = replace(read, shape=(unit.out_features,)) if unit.bias else None
    return Op("aten.linear.default", {"input": read, "weight": weight, "bias": bias}, (out,))


def _convolution(conv: Convolution, read: Tensor) -> Op:
    shape = (conv.batch, conv.out_channels, *conv.output_size)
    arguments: dict[str, Argument] = {
        "input": read,
        "weight": replace(read, shape=conv.weight_shape),
        "bias": replace(read, shape=(conv.out_channels,)) if conv.bias else None,
        "stride": conv.stride,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "transposed": conv.transposed,
        "groups": conv.groups,
    }
    return Op("aten.convolution.default", arguments, (replace(read, shape=shape),))


def _params(unit: Unit) -> int:
    if isinstance(unit, Convolution | Linear):
        return unit.params
    return 2 * unit.channels if isinstance(unit, BatchNorm) else 0
