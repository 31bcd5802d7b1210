"""Merge convolutions of one kind that read the same tensor into one, where that is estimated to be faster.

## What it flags
Two or more dense convolutions with the same kernel, stride, padding and dilation that read the same tensor, where one
convolution in their place is estimated to take less time on the device profile.

## Why
Their kernels, one below the other, are one convolution whose output is divided: the same numbers from fewer launches,
with the input read once. Parameters and MACs stay. WaveNet's filter and gate, and the 1x1 convolutions at the entry of
an Inception block, are such layers.

## Example
```python
torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))    # before: x is read twice

filtered, gate = self.both(x).split((32, 32), dim=1)        # after: once
torch.tanh(filtered) * torch.sigmoid(gate)
```

## What it proposes
One convolution in the place of the first layer, and its channels in the place of the others' outputs. As this changes
who calls what, the forward of the module that holds the layers is followed by torch.fx and written anew; nothing is
kept between calls. It saves neither parameters nor MACs, so it is an option and no part of the plan.

## What it costs
Nothing in evaluation, where outputs stay the same to rounding: the forward is written anew as it runs in evaluation.

## When it stays silent
Where the estimate on the device profile gains less than 2 %; layers of different kinds, grouped and transposed ones,
layers that are not plain, share weights, have hooks or are called more than once; branches that are added up, of which
parallel-branches speaks; forwards that torch.fx cannot follow, as those that branch on values or sizes.

## Sources
Oord et al. 2016 (WaveNet, section 2.3); Jia et al. 2019 (TASO: merging convolutions that share an input).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise

from analyzer.values.convolution import PartOf, Proposal, Unit
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import note

CODE = "SIB301"
LEVEL = "note"
EFFORT = "none"
INFERENCE_ONLY = True
FOR_TIME = True


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """For each group of such layers the first one with the outputs of all."""
    added = {path for found in model.branch_sums for branch in found.branches for path in branch}
    for paths in model.siblings:
        for group in _alike([model.convolutions[path] for path in paths if path not in added]):
            yield group[0].path, _merged(group)


def _alike(layers: list[ConvolutionFacts]) -> Iterator[list[ConvolutionFacts]]:
    """Groups of two and more plain ones that differ in outputs alone."""
    groups: dict[object, list[ConvolutionFacts]] = defaultdict(list)
    for layer in layers:
        conv = layer.convolution
        if layer.is_plain and conv.is_dense and not conv.transposed:
            groups[conv.kernel, conv.stride, conv.padding, conv.dilation].append(layer)
    return (group for group in groups.values() if len(group) > 1)


def _merged(group: list[ConvolutionFacts]) -> Proposal:
    convs = [layer.convolution for layer in group]
    ends = list(accumulate(conv.out_channels for conv in convs))
    whole = replace(convs[0], out_channels=ends[-1], bias=any(conv.bias for conv in convs))
    units: list[Unit] = [whole, *(PartOf(group[0].path, *ends_of) for ends_of in pairwise(ends))]
    become = note("siblings-become-one", siblings=len(group))
    return Proposal(tuple((layer.path, (unit,)) for layer, unit in zip(group, units, strict=True)), notes=(become,))
