"""Channel counts that leave part of every vector unit empty.

## What it flags
A convolution whose channels, or channels per group, are no multiple of 8.

## Why
Matrix units take channels in blocks: of 8 in fp16 and of 16 in int8 on GPUs, of 32 on some mobile processors. A layer
of 97 channels runs as one of 104, or falls back to slower kernels.

## Example
```python
nn.Conv2d(97, 100, 3)    # flagged
nn.Conv2d(96, 104, 3)    # not flagged
```

## What it proposes
Nothing is replaced: it names the next multiple of 8.

## What it costs
Retraining, if widths are changed; a few more parameters for less time.

## When it stays silent
Stems of up to 4 input channels (for their input), layers that end the model (their outputs are classes), layers on a
single position (squeeze-and-excitation, a latent: a vector fills no matrix unit), depthwise layers, layers under 1 % of
the model's parameters and MACs.

## Sources
NVIDIA TREx lint (convolution alignment); Qualcomm HTP guidelines (multiples of 32).
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from analyzer.rules.rule import Finding, is_tiny
from analyzer.values.convolution import IMAGE_CHANNELS
from analyzer.values.facts import ConvolutionFacts, ModelFacts

CODE = "CHN201"
LEVEL = "note"
EFFORT = "none"
MULTIPLE = 8
"""The least that fp16 matrix units ask for; int8 asks for 16."""

Places = Sequence[tuple[str, str]]
"""Paths of layers, and which of their channels it is."""


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding at most, with every channel count that does not align, at the first layer that has one."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path, layer in model.convolutions.items():
        if layer.convolution.is_depthwise or is_tiny(layer) or prod(layer.convolution.input_size) == 1:
            continue
        for name, count in _widths(layer):
            if count % MULTIPLE:
                found.setdefault(count, []).append((path, name))
    if found:
        first, *others = found.items()
        notes = (
            _notes(*first)
            if not others
            else [f"{_channels(*item)}: {'; '.join(_notes(*item))}" for item in found.items()]
        )
        yield Finding(first[1][0][0], _sentence(found), notes=tuple(notes))


def _sentence(found: Mapping[int, Places]) -> str:
    """ "97 input channels and output channels, here and in 3 more layers: no multiple of 8"."""
    if len(found) == 1:
        (said,) = (_channels(*item) for item in found.items())
        more = len(_paths(*found.values())) - 1
        others = f", here and in {more} more {'layer' if more == 1 else 'layers'}" if more else ""
        return f"{said}{others}: no multiple of {MULTIPLE}"
    *counts, last = map(str, found)
    return (
        f"{', '.join(counts)} and {last} channels, in {len(_paths(*found.values()))} layers: no multiples of {MULTIPLE}"
    )


def _channels(count: int, places: Places) -> str:
    return f"{count} {' and '.join(dict.fromkeys(name for _, name in places))}"


def _paths(*places: Places) -> list[str]:
    return list(dict.fromkeys(path for own in places for path, _ in own))


def _notes(count: int, places: Places) -> tuple[str, ...]:
    following = f"the next that fills an fp16 vector unit is {-(-count // MULTIPLE) * MULTIPLE}"
    paths = _paths(places)
    return (following, f"the layers are {', '.join(paths)}") if len(paths) > 1 else (following,)


def _widths(layer: ConvolutionFacts) -> Iterator[tuple[str, int]]:
    conv = layer.convolution
    each = " per group" if conv.groups > 1 else ""
    if conv.in_channels > IMAGE_CHANNELS:
        yield f"input channels{each}", conv.in_channels // conv.groups
    if not layer.is_head:
        yield f"output channels{each}", conv.out_channels // conv.groups
