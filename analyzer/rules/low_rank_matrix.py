"""Write a matrix, a linear layer or a pointwise convolution, as a product of two of low rank.

## What it flags
A linear layer, or a dense pointwise convolution, above 1 % of the model's parameters or MACs.

## Why
Of rank r, a matrix of outputs by inputs is two: to r channels and from there, with r * (inputs + outputs) weights.
These are fewer as long as r < inputs * outputs / (inputs + outputs). Linear layers are 96 % of AlexNet and nearly all
of a transformer.

## Example
```python
nn.Linear(4096, 4096)                                               # before: 16,781,312 parameters

nn.Sequential(nn.Linear(4096, 1024, bias=False), nn.Linear(1024, 4096))    # after: 8,392,704, rank 1024
```

## What it proposes
Half the rank at which nothing would be saved, rounded down to a multiple of 8: half the weights and half the work. Half
of that rank is priced beside it.

## What it costs
Finetuning at the least: the function changes by what the rank leaves out. With a checkpoint, choose the rank by the
singular values: trained layers differ much in how fast these fall.

## When it stays silent
Layers of fewer than 64 inputs or outputs, pointwise layers that follow each other; branches that are
added up with nothing nonlinear between (MobileOne: merged they are one layer); transposed ones; layers with hooks,
a parametrization or a forward of their own, and those whose weights something else reads, such as tied embeddings.

## Sources
Denton et al. 2014 (linear structure); Sainath et al. 2013 (low-rank output layers); Eckart and Young 1936.
"""

from collections.abc import Iterator
from dataclasses import replace

from analyzer.rules.rule import MIN_SHARE, is_merged, is_tiny, is_unneeded
from analyzer.values.convolution import Convolution, Linear, Proposal, Unit, along
from analyzer.values.facts import LinearFacts, ModelFacts
from analyzer.values.notes import RuleChoice, note

CODE = "LOW102"
LEVEL = "note"
EFFORT = "retrain"
MULTIPLE = 8
MIN_CHANNELS = 64
"""Below that both factors are too thin to be run well."""


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """Two factors for each such layer, at half the break-even rank and at a quarter."""
    for linear in model.linears:
        if linear.path not in model.fixed and max(linear.share_of_params, linear.share_of_macs) >= MIN_SHARE:
            yield from _proposal(linear.path, linear.in_features, linear.out_features, linear)
    followed = {layer.follower for layer in model.convolutions.values()}
    for layer in model.convolutions.values():
        conv = layer.convolution
        is_matrix = layer.is_plain and conv.is_dense and conv.is_pointwise and not conv.transposed
        # Two pointwise layers in a row have a low rank already.
        is_factor = layer.follower is not None or layer.path in followed
        is_spared = is_merged(layer, model) or is_unneeded(layer.path, model)
        if is_matrix and not (is_factor or is_tiny(layer) or is_spared):
            yield from _proposal(layer.path, conv.in_channels, conv.out_channels, conv)


def break_even(inputs: int, outputs: int) -> int:
    """The least rank that saves nothing: ceil(in out / (in + out))."""
    return -(-inputs * outputs // (inputs + outputs))


def _proposal(path: str, inputs: int, outputs: int, layer: LinearFacts | Convolution) -> Iterator[tuple[str, Proposal]]:
    limit = break_even(inputs, outputs)
    ranks = [rank for rank in (limit // 2 // MULTIPLE * MULTIPLE, limit // 4 // MULTIPLE * MULTIPLE) if rank]
    if min(inputs, outputs) < MIN_CHANNELS or not ranks:
        return
    first, *others = (
        Proposal(((path, _factors(layer, rank)),), choice=RuleChoice("rank-{}", (rank,))) for rank in ranks
    )
    limits = note("matrix-rank", rank=ranks[0], full=min(inputs, outputs), break_even=limit)
    yield path, replace(first, notes=(limits,), alternatives=tuple(others))


def _factors(layer: LinearFacts | Convolution, rank: int) -> tuple[Unit, ...]:
    """To `rank` channels, where the stride and padding of a convolution are, and from there."""
    if isinstance(layer, LinearFacts):
        first = Linear(layer.in_features, rank, bias=False)
        return first, Linear(rank, layer.out_features, bias=layer.has_bias)
    return replace(layer, out_channels=rank, bias=False), replace(along(layer, ()), in_channels=rank)
