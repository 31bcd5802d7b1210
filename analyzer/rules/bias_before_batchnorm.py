"""Drop a bias that batch normalization takes away again.

## What it flags
A convolution with a bias whose output a batch normalization alone reads, directly.

## Why
Batch normalization subtracts the mean of every channel, and with it any constant that was added: the bias has no
effect, in training as in evaluation, but is stored, moved and trained.

## Example
```python
nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64))              # before
nn.Sequential(nn.Conv2d(64, 64, 3, bias=False), nn.BatchNorm2d(64))  # after
```

## What it proposes
The same convolution with `bias=False`: one parameter an output channel less.

## What it costs
Nothing. Weights that are trained already carry over exactly: subtract the bias from the normalization's running mean.

## When it stays silent
Where anything else reads the convolution's output or the normalization's statistics, or anything lies between; layers
that are not plain, and normalizations that do more than normalize.

## Sources
Ioffe and Szegedy 2015 (batch normalization, section 3.2); torchvision's `vgg16_bn` has 4,224 such parameters.
"""

from dataclasses import replace

from analyzer.values.convolution import BatchNorm, Proposal
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import note

CODE = "BNM301"
LEVEL = "warning"
EFFORT = "none"


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """The convolution without its bias: out_channels parameters. The normalization stays; its running mean changes."""
    conv = layer.convolution
    if not layer.is_plain or layer.norm is None or not conv.bias or layer.norm in model.fixed:
        return None
    norm = (layer.norm, (BatchNorm(conv.out_channels, conv.dimension),))
    return Proposal(((layer.path, (replace(conv, bias=False),)), norm), notes=(note("bias-in-mean", norm=layer.norm),))
