"""Reach as far with a dilated 3×3 as with a larger kernel.

## What it flags
A dense convolution with an odd kernel above 3 along some axis.

## Why
A kernel of 3 with dilation d spans 2 d + 1: with d = (k - 1) / 2 it has exactly the receptive field, the padding and
the output shape of a kernel of k, with 3 of its k taps along each axis: 9 / k² of the weights and multiply-accumulates
of a square one. Dilation saves nothing by itself; it pays because it replaces the larger kernel.

## Example
```python
nn.Conv2d(64, 64, 7, padding=3)                # before: 49 taps
nn.Conv2d(64, 64, 3, padding=3, dilation=3)    # after: 9 taps, the same field
```

## What it proposes
Kernel 3 with dilation d (k - 1) / 2 along every such axis. Priced beside it, without holes between the taps: a stack of
3×3 convolutions with the same field, and one convolution for each axis (1×k, k×1).

## What it costs
Retraining: the taps between are gone. The receptive field is the same in extent, not in what is sampled.

## When it stays silent
Where inputs would be left unread: a stride that skips some of them for ever (every input must be read by some output),
or gaps that the taps of the convolutions directly before and after do not fill, along any path. Also: stems of up to 4
input channels, grouped and transposed layers, layers under 1 % of the model's parameters and MACs, branches that are
added up with nothing nonlinear between, layers that are not plain.

## Sources
Yu and Koltun 2016 (dilated convolutions); Wang et al. 2018 (gridding); Szegedy et al. 2016 (factorizing kernels).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product

from analyzer.rules.rule import is_worth_restructuring
from analyzer.values.convolution import Convolution, Proposal, along
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import RuleChoice, note
from analyzer.values.taps import reached, share_read, taps

CODE = "DIL101"
LEVEL = "note"
EFFORT = "retrain"


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """Kernel 3 and dilation (k - 1) / 2 along every axis with odd k > 3; 3 / k of the weights and MACs each."""
    conv = layer.convolution
    if not is_worth_restructuring(layer, model) or conv.transposed or not any(map(_is_long, conv.kernel)):
        return None
    dilated = dilate(conv)
    if share_read(dilated) < 1 or not _is_covered(dilated, layer, model):
        return None
    return Proposal(
        ((layer.path, (dilated,)),),
        notes=(note("field-stays", field=conv.span),),
        alternatives=tuple(_alternatives(layer.path, conv)),
    )


def choices(layer: ConvolutionFacts, model: ModelFacts) -> Mapping[str, Proposal]:
    """By the dilation: every one that spans the same field with fewer taps and leaves no input unread."""
    conv = layer.convolution
    longest = max(conv.kernel)
    found = {}
    for times in (steps for steps in range(2, longest) if (longest - 1) % steps == 0):
        units = dilate(conv, times)
        if share_read(units) == 1 and _is_covered(units, layer, model):
            dilation = times * max(conv.dilation)
            found[str(dilation)] = Proposal(((layer.path, (units,)),), choice=RuleChoice("dilation-{}", (dilation,)))
    return found


def dilate(conv: Convolution, times: int | None = None) -> Convolution:
    """The same span in steps `times` as wide, along the axes that they divide: d (k - 1) = (d · times) (k' - 1).

    Without `times` with three taps an axis.
    """
    axes = [
        ((k - 1) // step + 1, d * step) if _is_long(k) and (k - 1) % (step := times or (k - 1) // 2) == 0 else (k, d)
        for k, d in zip(conv.kernel, conv.dilation, strict=True)
    ]
    return replace(conv, kernel=tuple(k for k, _ in axes), dilation=tuple(d for _, d in axes))


def _is_long(kernel: int) -> bool:
    return kernel > 3 and kernel % 2 == 1


def _is_covered(dilated: Convolution, layer: ConvolutionFacts, model: ModelFacts) -> bool:
    """Along every path from a source through the layer to a reader, no input of the field is left unread."""
    known = model.convolutions
    sources = [known[path] for path in layer.sources if path in known and _steps(known[path], layer)]
    readers = [known[path] for path in layer.readers if path in known and _steps(layer, known[path])]
    here = replace(layer, calls=(dilated,))
    paths = product(sources or (None,), readers or (None,))
    return all(_unread([stage for stage in (before, here, after) if stage]) == 0 for before, after in paths)


def _unread(stages: list[ConvolutionFacts]) -> int:
    return sum(reached(_offsets(stages, axis)).holes for axis in range(stages[0].convolution.dimension))


def _offsets(stages: list[ConvolutionFacts], axis: int) -> Iterator[list[int]]:
    """Taps of each stage in steps of the first one's input, and those of the pooling before it."""
    step = 1
    for index, stage in enumerate(stages):
        conv, pooled = stage.convolution, _steps(stages[index - 1], stage)[axis] if index else 1
        yield [step * tap for tap in range(pooled)]
        step *= pooled
        yield [step * tap for tap in taps(conv.kernel[axis], conv.dilation[axis])]
        step *= conv.stride[axis]


def _steps(before: ConvolutionFacts, after: ConvolutionFacts) -> tuple[int, ...]:
    """Outputs of `before` that pooling makes one input of `after`, by axis; empty when it is no whole number."""
    if before.convolution.dimension != after.convolution.dimension or before.convolution.transposed:
        return ()
    if before.jump is None or after.jump is None:
        return (1,) * after.convolution.dimension
    read = zip(after.jump, after.convolution.stride, before.jump, strict=True)
    ratios = [Fraction(jump, stride * written) for jump, stride, written in read]
    return tuple(map(int, ratios)) if all(ratio.denominator == 1 for ratio in ratios) else ()


def _alternatives(path: str, conv: Convolution) -> Iterator[Proposal]:
    if units := stacked(conv):
        yield Proposal(((path, units),), choice=RuleChoice("{}-stacked-convolutions-of-kernel-3", (len(units),)))
    if units := by_axis(conv):
        yield Proposal(((path, units),), choice=RuleChoice("one-convolution-for-each-axis"))


def stacked(conv: Convolution) -> tuple[Convolution, ...]:
    """(k - 1) / 2 convolutions of kernel 3 with the same field, the last with the stride; none if that is not exact."""
    depths = [(k - 1) // 2 for k in conv.kernel]
    splits = (
        k % 2 == 1 and (p % n if n else p) == 0 for k, p, n in zip(conv.kernel, conv.padding, depths, strict=True)
    )
    if not all(splits):
        return ()
    last = max(depths) - 1
    return tuple(_stage(conv, depths, number, last) for number in range(last + 1))


def _stage(conv: Convolution, depths: list[int], number: int, last: int) -> Convolution:
    return replace(
        conv,
        in_channels=conv.in_channels if number == 0 else conv.out_channels,
        kernel=tuple(3 if number < depth else 1 for depth in depths),
        padding=tuple(p // n if number < n else 0 for p, n in zip(conv.padding, depths, strict=True)),
        dilation=tuple(d if number < n else 1 for d, n in zip(conv.dilation, depths, strict=True)),
        stride=conv.stride if number == last else (1,) * conv.dimension,
        bias=conv.bias and number == last,
    )


def by_axis(conv: Convolution) -> tuple[Convolution, ...]:
    """k×1 then 1×k: a convolution for each axis with a kernel above 1; none if there is one such axis only."""
    long = [axis for axis in range(conv.dimension) if conv.kernel[axis] > 1]
    if len(long) < 2:
        return ()
    others = long[1:]
    # Axes of kernel 1 may still have a stride: the first part takes it.
    parts = [set(range(conv.dimension)) - set(others), *({axis} for axis in others)]
    stages = [replace(along(conv, axes), in_channels=conv.out_channels, bias=False) for axes in parts]
    stages[0] = replace(stages[0], in_channels=conv.in_channels)
    stages[-1] = replace(stages[-1], bias=conv.bias)
    return tuple(stages)
