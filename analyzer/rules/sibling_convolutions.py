"""Convolutions of one kind that read the same tensor, which could be one.

## What it flags
Two or more dense convolutions with the same kernel, stride, padding and dilation that read the same tensor, where
reading it once less would save at least a tenth of the bytes that they move.

## Why
Their kernels, one below the other, are one convolution whose output is split: the same numbers from fewer launches,
with the input read once. Parameters and MACs stay. WaveNet's filter and gate, and the 1x1 convolutions at the entry of
an Inception block, are such layers.

## Example
```python
torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))    # before: x is read twice

filtered, gate = self.both(x).chunk(2, dim=1)               # after: once
torch.tanh(filtered) * torch.sigmoid(gate)
```

## What it proposes
Nothing is replaced: the forward has to split what one layer gives, which is a line of its source. It is an option where
launches or memory bound the model, as on a GPU at small batches.

## What it costs
Nothing: stack the weights along the output channels, and the biases.

## When it stays silent
Layers of different kinds, grouped and transposed ones, layers that are not plain or called more than once; branches
that are added up, of which parallel-branches speaks; inputs that are small beside the outputs and weights.

## Sources
Oord et al. 2016 (WaveNet, section 2.3); Jia et al. 2019 (TASO: merging convolutions that share an input).
"""

from collections import defaultdict
from collections.abc import Iterator
from math import prod

from analyzer.rules.rule import Finding
from analyzer.values.convolution import Convolution
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import Note, note

CODE = "SIB201"
LEVEL = "note"
EFFORT = "none"
MIN_SAVED = 0.1
"""Of the bytes that the layers move, what must be saved to be worth a line of source."""


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each group, at its first layer."""
    added = {path for found in model.branch_sums for branch in found.branches for path in branch}
    for paths in model.siblings:
        for group in _alike([model.convolutions[path] for path in paths if path not in added]):
            saved = _share_saved([layer.convolution for layer in group])
            if saved >= MIN_SAVED:
                yield Finding(group[0].path, _shared(group), notes=(note("fewer-bytes", share=saved),))


def _alike(layers: list[ConvolutionFacts]) -> Iterator[list[ConvolutionFacts]]:
    """Groups of two and more plain ones that differ in outputs alone."""
    groups: dict[object, list[ConvolutionFacts]] = defaultdict(list)
    for layer in layers:
        conv = layer.convolution
        if layer.is_plain and conv.is_dense and not conv.transposed:
            groups[conv.kernel, conv.stride, conv.padding, conv.dilation].append(layer)
    return (group for group in groups.values() if len(group) > 1)


def _share_saved(convs: list[Convolution]) -> float:
    """The input once for each layer but one, of all inputs, outputs and weights."""
    read = convs[0].batch * convs[0].in_channels * prod(convs[0].input_size)
    rest = sum(conv.batch * conv.out_channels * prod(conv.output_size) + conv.params for conv in convs)
    return (len(convs) - 1) * read / (len(convs) * read + rest)


def _beside(paths: list[list[str]]) -> list[str]:
    """Paths below the module that holds all of the layers, so that blocks which are alike are told alike."""
    shared = next((depth for depth, names in enumerate(zip(*paths, strict=False)) if len(set(names)) > 1), 0)
    return [".".join(path[shared:]) for path in paths]


def _shared(group: list[ConvolutionFacts]) -> Note:
    _, *others = _beside([layer.path.split(".") for layer in group])
    return note("same-input", others=tuple(others), channels=sum(layer.convolution.out_channels for layer in group))
