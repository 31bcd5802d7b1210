"""Cut off the taps of a kernel that read nothing but padding at this input size.

## What it flags
A convolution some of whose taps lie outside of its input at every position, as it reads inputs of this size.

## Why
A tap that only ever meets the zeros of the padding adds nothing: its weights are stored, moved and multiplied for
nothing. That happens to wide dilations on small maps, and to any padded kernel where the map has become one position.

## Example
```python
nn.Conv2d(2048, 256, 3, padding=36, dilation=36)  # DeepLabV3 at 224x224, reading 28x28: the centre alone reads pixels
nn.Conv2d(2048, 256, 1)                           # the same output for 1/9 of the work
```

## What it proposes
The taps that read something, with as much less padding.

## What it costs
Nothing at this input size, where outputs stay the same. Larger inputs reach the taps that were cut off: keep the kernel
where the model is to see them.

## When it stays silent
Where every tap reads something somewhere, where cutting cannot be written as one padding on both sides, where all taps
read padding; layers called with inputs of several sizes, transposed ones, layers that are not plain.

## Sources
Chen et al. 2017 (DeepLabV3, section 3.3): a 3x3 filter whose rate nears the size of the map degenerates to a 1x1.
"""

from dataclasses import replace
from functools import lru_cache
from math import prod

from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import note
from analyzer.values.taps import taps_along

CODE = "PAD301"
LEVEL = "warning"
EFFORT = "none"


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:  # noqa: ARG001
    """The convolution of the taps that read its input."""
    conv, cut = layer.convolution, cut_off(layer)
    if cut is None:
        return None
    share = 1 - prod(cut.kernel) / prod(conv.kernel)
    return Proposal(((layer.path, (cut,)),), notes=(note("padding-taps", share=share, size=conv.input_size),))


def cut_off(layer: ConvolutionFacts) -> Convolution | None:
    """The convolution of the taps that read something at this input size; None where that is all of them."""
    conv = layer.convolution
    if not layer.is_plain or conv.transposed or len({call.input_size for call in layer.calls}) != 1:
        return None
    cut = _cut(conv)
    return cut if cut is not None and cut.kernel != conv.kernel else None


@lru_cache(maxsize=1024)
def _cut(conv: Convolution) -> Convolution | None:
    """With the first and last taps gone that read nothing; None where no convolution reads just the rest."""
    kept = [_live(conv, axis) for axis in range(conv.dimension)]
    if not all(kept) or any(len(taps) != taps[-1] - taps[0] + 1 for taps in kept):
        return None
    kernel = tuple(map(len, kept))
    padding = tuple(p - taps[0] * d for p, taps, d in zip(conv.padding, kept, conv.dilation, strict=True))
    dilation = tuple(d if k > 1 else 1 for d, k in zip(conv.dilation, kernel, strict=True))
    cut = replace(conv, kernel=kernel, padding=padding, dilation=dilation)
    return cut if min(padding) >= 0 and cut.output_size == conv.output_size else None


def _live(conv: Convolution, axis: int) -> list[int]:
    """The taps t that read a position s o + d t - p of the input for some output o."""
    size, outputs, stride = conv.input_size[axis], conv.output_size[axis], conv.stride[axis]
    starts = taps_along(conv, axis)
    firsts = [max(0, -(start // stride)) for start in starts]
    pairs = zip(starts, firsts, strict=True)
    return [tap for tap, (start, first) in enumerate(pairs) if first < outputs and start + stride * first < size]
