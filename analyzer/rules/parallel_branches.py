"""Add parallel convolutions of one tensor up to a single one, for inference.

## What it flags
A module that adds what several convolutions, each with its batch normalization, make of the same tensor, and perhaps a
normalization of that tensor itself, before anything nonlinear.

## Why
A sum of linear maps is one: kernels add up where their taps meet, a smaller one inside a larger one, and a tensor that
is only normalized is a kernel with a single tap. RepVGG and MobileOne are trained in branches to be run without them.

## Example
```python
act(norm3(conv3x3(x)) + norm1(conv1x1(x)) + norm0(x))    # before: three branches
act(conv3x3_with_bias(x))                                # after: one convolution, the same output
```

## What it proposes
One convolution in the place of the whole module, with a bias, and after it the module's children that run on the sum,
such as its activation.

## What it costs
Nothing in evaluation, where outputs stay the same to rounding. Not for a model that will be trained further.

## When it stays silent
Where branches differ in stride or groups, where a tap of one lies between those of the widest kernel, where a branch is
used elsewhere or twice; where the module does more with the sum than to call children on it; layers that are not plain.

## Sources
Ding et al. 2021 (RepVGG, section 3.3); Vasu et al. 2023 (MobileOne, section 3.2).
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from analyzer.values.convolution import Convolution, Proposal, Submodule, Unit, along
from analyzer.values.facts import BranchSum, ConvolutionFacts, ModelFacts
from analyzer.values.notes import note
from analyzer.values.taps import taps_along

CODE = "PAR301"
LEVEL = "warning"
EFFORT = "none"
INFERENCE_ONLY = True


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """For each such module the sum as one convolution: all parameters and work but that of the widest branch."""
    for found in model.branch_sums:
        if total := merged(found, model):
            units: tuple[Unit, ...] = (total, *map(Submodule, found.kept))
            parts = ((path, ()) for branch in ordered(found, model) for path in branch)
            become = note("branches-become-one", branches=len(found.branches))
            yield found.path, Proposal(((found.path, units), *parts), notes=(become,))


def ordered(found: BranchSum, model: ModelFacts) -> list[tuple[str, ...]]:
    """The branches, those without a convolution first: in a list of all layers each convolution then begins one."""
    return sorted(found.branches, key=lambda branch: branch[0] in model.convolutions)


def merged(found: BranchSum, model: ModelFacts) -> Convolution | None:
    """The convolution that does what all branches do together; None where there is none."""
    layers = [model.convolutions[branch[0]] for branch in found.branches if branch[0] in model.convolutions]
    others = len(found.branches) - len(layers)
    norms = [path for branch in found.branches for path in branch if path not in model.convolutions]
    if not layers or not all(map(_is_simple, layers)) or any(path in model.fixed for path in norms):
        return None
    widest = max((layer.convolution for layer in layers), key=lambda conv: prod(conv.span))
    identity = replace(along(widest, ()), out_channels=widest.in_channels)
    branches = [*(layer.convolution for layer in layers), *([identity] if others else [])]
    return replace(widest, bias=True) if all(_fits(conv, widest) for conv in branches) else None


def _is_simple(layer: ConvolutionFacts) -> bool:
    return layer.is_plain and len(layer.calls) == 1 and not layer.convolution.transposed


def _fits(conv: Convolution, widest: Convolution) -> bool:
    """Whether it reads at some of the widest one's taps, for the same outputs."""
    same = ("in_channels", "out_channels", "stride", "groups", "output_size", "input_size")
    axes = range(conv.dimension)
    return all(getattr(conv, name) == getattr(widest, name) for name in same) and all(
        set(taps_along(conv, axis)) <= set(taps_along(widest, axis)) for axis in axes
    )
