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
Stems of up to 4 input channels (for their input), layers that end the model (their outputs are classes), depthwise
layers, layers under 1 % of the model's parameters and MACs.

## Sources
NVIDIA TREx lint (convolution alignment); Qualcomm HTP guidelines (multiples of 32).
"""

from collections.abc import Iterator, Sequence

from analyzer.rules.rule import Finding, is_tiny
from analyzer.values.convolution import IMAGE_CHANNELS
from analyzer.values.facts import ConvolutionFacts, ModelFacts

CODE = "CHN201"
LEVEL = "note"
EFFORT = "none"
MULTIPLE = 8
"""The least that fp16 matrix units ask for; int8 asks for 16."""


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each channel count that does not align, at the first layer that has it."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path, layer in model.convolutions.items():
        if layer.convolution.is_depthwise or is_tiny(layer):
            continue
        for name, count in _widths(layer):
            if count % MULTIPLE:
                found.setdefault(count, []).append((path, name))
    for count, places in found.items():
        yield Finding(places[0][0], _sentence(count, places), notes=_notes(count, places))


def _sentence(count: int, places: Sequence[tuple[str, str]]) -> str:
    """ "97 input channels and output channels, here and in 3 more layers: no multiple of 8"."""
    names = " and ".join(dict.fromkeys(name for _, name in places))
    more = len({path for path, _ in places}) - 1
    others = f", here and in {more} more {'layer' if more == 1 else 'layers'}" if more else ""
    return f"{count} {names}{others}: no multiple of {MULTIPLE}"


def _notes(count: int, places: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    paths = list(dict.fromkeys(path for path, _ in places))
    following = f"the next that fills an fp16 vector unit is {-(-count // MULTIPLE) * MULTIPLE}"
    return (following, f"the layers are {', '.join(paths)}") if len(paths) > 1 else (following,)


def _widths(layer: ConvolutionFacts) -> Iterator[tuple[str, int]]:
    conv = layer.convolution
    each = " per group" if conv.groups > 1 else ""
    if conv.in_channels > IMAGE_CHANNELS:
        yield f"input channels{each}", conv.in_channels // conv.groups
    if not layer.is_head:
        yield f"output channels{each}", conv.out_channels // conv.groups
