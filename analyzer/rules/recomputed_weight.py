"""Store a weight that is computed at every call and always the same, for inference.

## What it flags
A convolution or linear layer whose weight is computed from its parameters: weight normalization, spectral
normalization, any other parametrization, a pruning mask, a weight that is standardized (timm's `StdConv2d` and
`ScaledStdConv2d`), where the result depends on no input.

## Why
In evaluation the weight is a constant: computing it takes operators, memory and sometimes parameters at each call, and
keeps the layer from being folded, exported plainly or quantized.

## Example
```python
parametrizations.weight_norm(nn.Conv1d(64, 64, 3))    # before: a norm and a product at each call
nn.Conv1d(64, 64, 3)                                  # after: the product is stored, 64 parameters less
```

## What it proposes
The plain layer of the same kind, with the weight that the old one computes. Where a normalization follows,
foldable-batchnorm stores the weight and folds the normalization at once.

## What it costs
Nothing in evaluation, where outputs stay the same to rounding. A model that is trained further
needs what it takes away.

## When it stays silent
Where the weight depends on the input, the layer does more than one convolution or product, or pads by itself; where it
has hooks other than torch's weight normalization, spectral normalization and pruning; where its weights are shared.

## Sources
Salimans and Kingma 2016; Miyato et al. 2018; Qiao et al. 2019 (weight standardization);
`torch.nn.utils.parametrize.remove_parametrizations`.
"""

from collections.abc import Iterator

from analyzer.values.convolution import Proposal
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "WGT301"
LEVEL = "note"
EFFORT = "none"
INFERENCE_ONLY = True


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """The plain layer for each such one; where nothing but its convolution or product runs, nothing is computed."""
    for layer in model.recomputed:
        if sum("view" not in op.tags for op in layer.operators) > layer.calls:
            yield layer.path, Proposal(((layer.path, (layer.plain,)),), notes=(note("constant-weight"),))
