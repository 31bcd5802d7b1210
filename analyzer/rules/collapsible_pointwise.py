"""Multiply two pointwise convolutions with nothing between into one.

## What it flags
A dense pointwise convolution whose output only another dense pointwise convolution reads, with nothing between.

## Why
Without a nonlinearity between them two linear maps are one: its matrix is the product of theirs.

## Example
```python
nn.Sequential(nn.Conv2d(64, 256, 1), nn.Conv2d(256, 128, 1))  # before: 49,536 parameters
nn.Conv2d(64, 128, 1)                                         # after: 8,320, the same function
```

## What it proposes
One pointwise convolution from the first one's input to the second one's output, an identity in the place of the second.

## What it costs
Nothing: outputs stay the same to rounding. Two factors may train differently from their product.

## When it stays silent
Where the product is not smaller (a bottleneck, which is a low-rank factorization), where anything else reads the first
one's output, padded, grouped or transposed layers, layers that are not plain.

## Sources
Linear algebra; Arora et al. 2018 on how factors train.
"""

from dataclasses import replace

from analyzer.values.convolution import Convolution, Identity, Proposal
from analyzer.values.facts import ConvolutionFacts, ModelFacts

CODE = "PTW301"
LEVEL = "warning"
EFFORT = "none"


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """The product of both, where it is smaller."""
    second = model.convolutions.get(layer.follower or "")
    if second is None or not _is_matrix(layer) or not _is_matrix(second) or len(layer.calls) != len(second.calls):
        return None
    product = _product(layer.convolution, second.convolution)
    if product.params >= layer.convolution.params + second.convolution.params:
        return None
    replacements = ((layer.path, (product,)), (second.path, (Identity(),)))
    return Proposal(replacements, notes=(f"nothing lies between it and {second.path}: two linear maps are one",))


def _product(first: Convolution, second: Convolution) -> Convolution:
    stride = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
    return replace(first, out_channels=second.out_channels, stride=stride, bias=first.bias or second.bias)


def _is_matrix(layer: ConvolutionFacts) -> bool:
    conv = layer.convolution
    return layer.is_plain and conv.is_dense and conv.is_pointwise and not conv.transposed and not any(conv.padding)
