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
from analyzer.values.notes import Note, note

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
        for side, count in _widths(layer):
            if count % MULTIPLE:
                found.setdefault(count, []).append((path, side))
    if len(found) == 1:
        yield _same(*found.popitem())
    elif found:
        yield _different(found)


def _same(count: int, places: Places) -> Finding:
    sides, layers = _sides_and_layers(places)
    odd = note("misaligned", count=count, sides=sides, more=len(layers) - 1, multiple=MULTIPLE)
    following = note("next-multiple", channels=_next(count))
    return Finding(layers[0], odd, (following, note("layers", layers=layers)) if len(layers) > 1 else (following,))


def _different(found: Mapping[int, Places]) -> Finding:
    _, layers = _sides_and_layers([place for places in found.values() for place in places])
    odd = note("misaligned-counts", counts=tuple(found), layers=len(layers), multiple=MULTIPLE)
    return Finding(layers[0], odd, tuple(_width(count, *_sides_and_layers(places)) for count, places in found.items()))


def _width(count: int, sides: tuple[str, ...], layers: tuple[str, ...]) -> Note:
    return note("misaligned-width", count=count, sides=sides, channels=_next(count), layers=layers)


def _next(count: int) -> int:
    return -(-count // MULTIPLE) * MULTIPLE


def _sides_and_layers(places: Places) -> tuple[tuple[str, ...], tuple[str, ...]]:
    layers, sides = (tuple(dict.fromkeys(names)) for names in zip(*places, strict=True))
    return sides, layers


def _widths(layer: ConvolutionFacts) -> Iterator[tuple[str, int]]:
    conv = layer.convolution
    each = "_per_group" if conv.groups > 1 else ""
    if conv.in_channels > IMAGE_CHANNELS:
        yield f"in_channels{each}", conv.in_channels // conv.groups
    if not layer.is_head:
        yield f"out_channels{each}", conv.out_channels // conv.groups
