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
to save; grouped transposed layers; layers that are not plain, but for those whose weight is a constant, of which
recomputed-weight speaks: it is stored in the same step; layers with hooks or a forward of their own, and those whose
weights or statistics something else reads; branches that parallel-branches adds up.

## Sources
Jacob et al. 2018 (section 3.2, folding); `torch.nn.utils.fusion.fuse_conv_bn_eval`.
"""

from collections.abc import Iterator
from dataclasses import replace

from analyzer.rules.rule import is_merged
from analyzer.values.convolution import Convolution, Identity, Proposal, Submodule
from analyzer.values.facts import ModelFacts, Norm
from analyzer.values.notes import note

CODE = "BNM302"
LEVEL = "note"
EFFORT = "none"
INFERENCE_ONLY = True


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """The convolution with a bias, the normalization an identity or what it runs on its result."""
    for norm in model.norms:
        conv = _foldable_into(norm, model)
        if conv is not None and norm.convolution is not None:
            folded = (norm.convolution, (replace(conv, bias=True),))
            remains = tuple(map(Submodule, norm.kept)) or (Identity(),)
            notes = (note("training-needs-normalization"),)
            yield norm.convolution, Proposal((folded, (norm.path, remains)), notes=notes)


def _foldable_into(norm: Norm, model: ModelFacts) -> Convolution | None:
    """The convolution that can take the normalization over, as a plain one where it computes a constant weight."""
    path = norm.convolution or ""
    conv = _convolution(path, norm, model)
    if conv is None or (conv.transposed and conv.groups > 1):
        return None
    layer, saves = model.convolutions.get(path), norm.params > (0 if conv.bias else conv.out_channels)
    return conv if saves and not (layer and is_merged(layer, model)) else None


def _convolution(path: str, norm: Norm, model: ModelFacts) -> Convolution | None:
    if computed := model.recomputed_at.get(path):
        return computed.plain if isinstance(computed.plain, Convolution) else None
    layer = model.convolutions.get(path)
    return layer.convolution if layer and layer.is_plain and layer.norm == norm.path else None
