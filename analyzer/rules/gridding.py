"""Stacked dilations that leave inputs unread.

## What it flags
A path of dilated convolutions whose taps, added up, miss positions inside their receptive field.

## Why
An output then never sees these inputs, and neighbouring outputs see disjoint sets of inputs: the checkerboard known as
gridding. The test is exact: the sum of the tap offsets of the path must contain every position of the field.

## Example
```python
nn.Sequential(nn.Conv2d(8, 8, 3, dilation=2), nn.Conv2d(8, 8, 3, dilation=2))  # flagged: only even positions are read
nn.Sequential(nn.Conv2d(8, 8, 3, dilation=1), nn.Conv2d(8, 8, 3, dilation=2))  # not flagged
```

## What it proposes
Nothing is replaced: it states the fact. Rates without a common factor that start at 1 leave no holes: 1, 2, 5.

## What it costs
Retraining, if rates are changed.

## When it stays silent
Where the positions are filled along the path, by an undilated layer before or by rates that complement each other;
parallel branches are judged each along its own path.

## Sources
Wang et al. 2018 (hybrid dilated convolution); Yu, Koltun and Funkhouser 2017 (dilated residual networks).
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "DIL201"
LEVEL = "warning"
EFFORT = "none"


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each path, at its last layer; axes with the same holes are stated together."""
    paths = dict.fromkeys((grid.layers, grid.field, grid.holes) for grid in model.grids)
    for layers, field, holes in paths:
        alike = (grid for grid in model.grids if (grid.layers, grid.field, grid.holes) == (layers, field, holes))
        unread = note("holes", field=field, axes=tuple(grid.axis for grid in alike), holes=holes, share=holes / field)
        yield Finding(layers[-1], unread, notes=(note("path", layers=layers), note("rates-without-holes")))
