"""Multiply two convolutions with nothing between into one, where one of them is pointwise.

## What it flags
A convolution whose output only another convolution reads, with nothing or a batch normalization between, one of the two
pointwise.

## Why
Without a nonlinearity between them two linear maps are one: its kernel is the product of theirs.

## Example
```python
nn.Sequential(nn.Conv2d(64, 256, 1), nn.Conv2d(256, 128, 1))             # before: 49,536 parameters
nn.Conv2d(64, 128, 1)                                                    # after: 8,320, the same function

nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 32, 1))     # before: 39,008 parameters
nn.Conv2d(64, 32, 3, padding=1)                                          # after: 18,464, the same function
```

## What it proposes
One convolution from the first one's input to the second one's output, identities in the place of the second and of a
normalization between: in evaluation that is a scale and a shift, so the three are one linear map.

## What it costs
Nothing: outputs stay the same to rounding. Two factors may train differently from their product.

## When it stays silent
Where the product has more parameters or more work (a bottleneck, a depthwise-separable pair), where anything else reads
the first one's output; a pointwise one before a kernel that pads, unless it has no bias: what is padded is not what the
bias would make of zeros; a pointwise one that pads or, before a kernel, strides; layers that are not plain.

## Sources
Linear algebra; Arora et al. 2018 on how factors train; Ding et al. 2021 (Diverse Branch Block) on kernels and 1x1.
"""

from dataclasses import replace
from math import prod

from analyzer.values.convolution import Convolution, Identity, Proposal, Unit
from analyzer.values.facts import ConvolutionFacts, ModelFacts, Norm
from analyzer.values.notes import note

CODE = "PTW301"
LEVEL = "warning"
EFFORT = "none"


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """The product of both, and of a normalization between, where it is smaller."""
    norm = _norm_between(layer, model)
    second = model.convolutions.get((layer.norm_follower if norm else layer.follower) or "")
    if second is None or not layer.is_plain or not second.is_plain or len(layer.calls) != len(second.calls):
        return None
    first = replace(layer.convolution, bias=True) if norm else layer.convolution
    product = _product(first, second.convolution)
    if product is None or not _is_smaller(product, layer, second, norm):
        return None
    gone = (norm.path, second.path) if norm else (second.path,)
    removed: list[tuple[str, tuple[Unit, ...]]] = [(path, (Identity(),)) for path in gone]
    alone = note("linear-maps", second=second.path)
    between = note("linear-maps-with-norm", norm=norm.path, second=second.path) if norm else alone
    return Proposal(((layer.path, (product,)), *removed), notes=(between,))


def _norm_between(layer: ConvolutionFacts, model: ModelFacts) -> Norm | None:
    """The normalization between the layer and the convolution after it, where it can be folded and goes as a whole."""
    if layer.norm_follower is None or (layer.convolution.transposed and layer.convolution.groups > 1):
        return None
    foldable = (norm for norm in model.norms if norm.path == layer.norm and norm.convolution == layer.path)
    return next((norm for norm in foldable if not norm.kept), None)


def _product(first: Convolution, second: Convolution) -> Convolution | None:
    """The convolution that does both, None where there is none."""
    groups = first.groups if first.groups == second.groups else 1
    bias = first.bias or second.bias
    if second.transposed or (first.transposed and (groups > 1 or prod(second.stride) > 1)):
        return None
    if second.is_pointwise and not any(second.padding):
        stride = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
        return replace(first, out_channels=second.out_channels, stride=stride, groups=groups, bias=bias)
    is_plain = first.is_pointwise and prod(first.stride) == 1 and not any(first.padding) and not first.transposed
    if not is_plain or (first.bias and any(second.padding)):
        return None
    return replace(second, in_channels=first.in_channels, groups=groups, bias=bias)


def _is_smaller(product: Convolution, layer: ConvolutionFacts, second: ConvolutionFacts, norm: Norm | None) -> bool:
    before = (layer.convolution, second.convolution)
    fewer = product.params < sum(conv.params for conv in before) + (norm.params if norm else 0)
    return fewer and _macs(product) <= sum(map(_macs, before))


def _macs(conv: Convolution) -> int:
    return conv.batch * prod(conv.weight_shape) * prod(conv.input_size if conv.transposed else conv.output_size)
