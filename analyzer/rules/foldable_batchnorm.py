"""Fold a batch normalization into the convolution before it, for inference.

## What it flags
A convolution whose output a batch normalization alone reads, directly.

## Why
In evaluation the normalization is a scale and a shift of every channel: the convolution's weights and bias can carry
both. That saves its parameters and reading and writing the whole output once more.

## Example
```python
nn.Sequential(nn.Conv2d(64, 64, 3, bias=False), nn.BatchNorm2d(64))  # before
nn.Sequential(nn.Conv2d(64, 64, 3), nn.Identity())                   # after: 64 parameters less
```

## What it proposes
The convolution with a bias, and an identity in the place of the normalization: 2 parameters a channel less, 1 more for
a bias that was not there. Of a normalization that also activates (timm's `BatchNormAct2d`) the activation stays.

## What it costs
Nothing in evaluation, where outputs stay the same to rounding. Not for a model that will be trained further.

## When it stays silent
Where anything else reads the convolution's output, or anything lies between; where the normalization has no parameters
to save; grouped transposed layers; layers that are not plain; layers with hooks, a parametrization or a forward of
their own, and those whose weights or statistics something else reads; branches that parallel-branches adds up.

## Sources
Jacob et al. 2018 (section 3.2, folding); `torch.nn.utils.fusion.fuse_conv_bn_eval`.
"""

from dataclasses import replace

from analyzer.rules.rule import is_merged
from analyzer.values.convolution import Identity, Proposal, Submodule
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import note

CODE = "BNM302"
LEVEL = "note"
EFFORT = "none"
INFERENCE_ONLY = True


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """The convolution with a bias, the normalization an identity or what it runs on its result."""
    conv = layer.convolution
    norm = next((norm for norm in model.norms if norm.path == layer.norm), None)
    if norm is None or norm.convolution != layer.path or not layer.is_plain or (conv.transposed and conv.groups > 1):
        return None
    if norm.params <= (0 if conv.bias else conv.out_channels):
        return None
    if is_merged(layer, model):
        return None
    folded = (layer.path, (replace(conv, bias=True),))
    remains = tuple(map(Submodule, norm.kept)) or (Identity(),)
    return Proposal((folded, (norm.path, remains)), notes=(note("training-needs-normalization"),))
