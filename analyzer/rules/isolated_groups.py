"""Two grouped convolutions in a row between which no channels meet.

## What it flags
A grouped convolution that reads the groups of an earlier one as they are: through elementwise layers, normalization,
concatenation and shuffles that leave every group to itself.

## Why
The two are then as many independent networks as they have groups, each with a fraction of the channels. Shuffling the
channels between costs no parameters and no multiply-accumulates.

## Example
```python
nn.Sequential(nn.Conv2d(64, 64, 3, groups=4), nn.Conv2d(64, 64, 3, groups=4))                        # flagged
nn.Sequential(nn.Conv2d(64, 64, 3, groups=4), nn.ChannelShuffle(4), nn.Conv2d(64, 64, 3, groups=4))  # not flagged
```

## What it proposes
Nothing is replaced: it states the fact. A channel shuffle or a pointwise convolution between is the cure.

## What it costs
Retraining, if channels are made to meet.

## When it stays silent
Where a dense layer, a shuffle or attention lies between; depthwise layers followed by a pointwise one.

## Sources
Zhang et al. 2018 (ShuffleNet); Zhang et al. 2017 (interleaved group convolutions).
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "GRP201"
LEVEL = "warning"
EFFORT = "none"


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each pair, at the second of the two."""
    for isolation in model.isolations:
        apart = note("isolated-groups", first=isolation.first, groups=isolation.groups)
        yield Finding(isolation.second, apart, notes=(note("mix-channels"),))
