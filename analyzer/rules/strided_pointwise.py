"""A pointwise convolution with a stride reads a fraction of its input.

## What it flags
A 1×1 convolution (of any dimension) with a stride above 1.

## Why
With stride s it reads one position of s along each axis, in an image 1 / s² of them; the others were computed for
nothing as far as this layer goes. The shortcuts of residual networks are built so: a fact, not an error.

## Example
```python
nn.Conv2d(256, 512, 1, stride=2)                           # flagged: reads 25 % of its input
nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(256, 512, 1))     # reads all of it
```

## What it proposes
Nothing is replaced. Averaging before it (as ResNet-D does) reads everything for no parameters and hardly any work.

## What it costs
Retraining, if pooling is put before it.

## When it stays silent
Pointwise layers of stride 1, larger kernels, transposed layers, branches that are added up with nothing nonlinear
between (RepVGG), where a larger kernel beside it reads the rest.

## Sources
He et al. 2019 (bag of tricks: ResNet-D).
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding, is_merged
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note
from analyzer.values.taps import share_read

CODE = "PTW201"
LEVEL = "note"
EFFORT = "none"


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each strided pointwise layer."""
    for path, layer in model.convolutions.items():
        conv = layer.convolution
        is_strided = conv.is_pointwise and not conv.transposed and max(conv.stride) > 1
        if is_strided and not is_merged(layer, model):
            read = note("partly-read", read=float(share_read(conv)))
            yield Finding(path, read, notes=(note("usual-shortcut"),))
