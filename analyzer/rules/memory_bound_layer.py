"""A convolution that waits for memory: fewer multiply-accumulates will not make it faster.

## What it flags
A convolution with at least 2 % of the model's MACs that moves too many bytes for its work on the device profile.

## Why
A layer takes the longer of computing and moving its inputs, outputs and weights. Where moving takes longer, saving
multiply-accumulates saves no time; saving bytes does: fewer channels, lower resolution, fusing with what follows.

## Example
```python
nn.Conv2d(32, 32, 3, padding=1, groups=32)    # at 112×112: 2.2 FLOP a byte in float32, whatever the size
nn.Conv2d(512, 512, 3, padding=1)             # at 14×14: 83 FLOP a byte
```

## What it proposes
Nothing is replaced: it says what the other advice cannot promise for this layer.

## What it costs
Nothing.

## When it stays silent
Layers that are bound by computing on this device, and layers with less than 2 % of the MACs.

## Sources
Williams, Waterman and Patterson 2009 (roofline); Ma et al. 2018 (ShuffleNetV2, guideline G4).
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "MEM201"
LEVEL = "note"
EFFORT = "none"
MIN_SHARE_OF_MACS = 0.02
"""Work saved in a layer below this share does not matter to the model."""


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each memory-bound layer whose work matters."""
    for path, layer in model.convolutions.items():
        if layer.bound == "memory" and layer.share_of_macs >= MIN_SHARE_OF_MACS:
            yield Finding(path, note("memory-bound", device=model.device, share_of_macs=layer.share_of_macs))
