"""A dilated convolution whose stride skips inputs for ever.

## What it flags
A convolution with both a dilation and a stride whose taps, over all outputs, miss inputs.

## Why
With stride s, the tap t of dilation d reads positions d t mod s only. A dilation that shares a factor with the stride
leaves the others unread by any output: the layer before computed them for nothing.

## Example
```python
nn.Conv2d(8, 8, 3, stride=2, dilation=2, padding=2)  # flagged: 25 % of the inputs are read
nn.Conv2d(8, 8, 3, stride=2, dilation=3, padding=3)  # not flagged: all are read
```

## What it proposes
Nothing is replaced: it states the share that is read.

## What it costs
Retraining, if stride or dilation are changed.

## When it stays silent
Where every input is read; layers without a dilation (strided pointwise ones have a rule of their own); transposed ones.

## Sources
Number theory: the residues of d t modulo s.
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note
from analyzer.values.taps import share_read

CODE = "DIL202"
LEVEL = "warning"
EFFORT = "none"


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each dilated layer that leaves inputs unread."""
    for path, layer in model.convolutions.items():
        conv = layer.convolution
        read = share_read(conv)
        if max(conv.dilation) > 1 and not conv.is_pointwise and not conv.transposed and read < 1:
            yield Finding(path, note("inputs-skipped", read=float(read)), notes=(note("no-common-factor"),))
