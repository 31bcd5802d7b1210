"""Split a dense convolution into groups that do not read each other.

## What it flags
A dense convolution of any dimension whose two channel counts divide into groups of at least 16 channels.

## Why
With g groups every output channel reads in_channels / g inputs: weights and multiply-accumulates fall to exactly
1 / g, the bias stays as it is. ResNeXt and ShuffleNet are built of such layers.

## Example
```python
nn.Conv2d(128, 256, 3, padding=1)             # before: 294,912 weights
nn.Conv2d(128, 256, 3, padding=1, groups=2)   # after: 147,456 weights
```

## What it proposes
The largest g up to 32 (8 for a pointwise layer, which does nothing but mix channels) that divides both channel counts,
leaves at least 16 channels a group (one block of a CPU's vector unit) and keeps the alignment to 16 or 8 channels that
the layer had. Smaller g are priced beside it: `--apply GRP101=8` takes 8, `--apply GRP101=70%` as many as keep so much
of the weight energy. Where the next convolution is grouped too, an `nn.ChannelShuffle` follows, so that information
still crosses groups.

## What it costs
Retraining: the function changes. Channels no longer mix in this layer, so a dense layer or a shuffle must come after
it. On a GPU the time saved is less than the work saved: at equal work 8 groups ran 3.9 times slower than one
(ShuffleNetV2, table 2).

## When it stays silent
Stems of up to 4 input channels, layers under 1 % of the model's parameters and MACs, layers that are grouped already,
layers where groups meet (after a grouped one, pointwise ones beside a grouped or depthwise one), layers that read a
concatenation (a group would see some of the branches that are to be fused, and not the others), layers whose output is
split (each part would come from some of the input channels), branches that are added up with nothing nonlinear between
(RepVGG: merged they are one layer), pointwise layers on a
single position and layers that unfold a latent (they are linear layers), classifiers that end the model, layers that
are not plain. Where the output is
added to or concatenated with another tensor, its channels cannot be permuted: no shuffle is put in, and a note says so.

## Sources
Xie et al. 2017 (ResNeXt); Zhang et al. 2018 (ShuffleNet); Ma et al. 2018 (ShuffleNetV2, guideline G2).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import gcd, prod

from analyzer.rules.rule import alignment, is_worth_restructuring
from analyzer.values.convolution import ChannelShuffle, Convolution, Proposal, Unit
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import Note, RuleChoice, note

CODE = "GRP101"
LEVEL = "note"
EFFORT = "retrain"
MIN_CHANNELS_PER_GROUP = 16
"""One block of a CPU's vector unit; with 2 to 4 channels a group most of the saving does not reach the clock."""
MAX_GROUPS = 32
"""The most that ResNeXt was found to gain from."""
MAX_GROUPS_POINTWISE = 8
"""The most that ShuffleNet uses: a pointwise layer does nothing but mix channels."""
MAX_ALTERNATIVES = 3
"""More would only be smaller steps of the same."""


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """Groups in place of the dense convolution; exactly 1 / g of its weights and MACs."""
    # Every class at the end needs every feature; a model of one layer has no classifier.
    is_classifier = layer.is_head and bool(layer.sources)
    is_mixing = is_classifier or layer.branches or layer.is_divided or _is_linear(layer)
    if is_mixing or not is_worth_restructuring(layer, model) or _joins_groups(layer, model):
        return None
    found = [_proposal(layer, model, groups) for groups in sensible_groups(layer.convolution)[: 1 + MAX_ALTERNATIVES]]
    return replace(found[0], alternatives=tuple(found[1:]), notes=_notes(layer, model)) if found else None


def choices(layer: ConvolutionFacts, model: ModelFacts) -> Mapping[str, Proposal]:
    """By their number all groups that are wide and aligned."""
    return {str(groups): _proposal(layer, model, groups) for groups in sensible_groups(layer.convolution)}


def sensible_groups(conv: Convolution) -> tuple[int, ...]:
    """Every g > 1 that divides both channel counts and leaves groups that are wide and aligned, largest first."""
    divisor = gcd(conv.in_channels, conv.out_channels)
    most = MAX_GROUPS_POINTWISE if conv.is_pointwise else MAX_GROUPS
    fits = (g for g in range(min(divisor, most), 1, -1) if divisor % g == 0)
    return tuple(g for g in fits if _is_wide(conv.in_channels, g) and _is_wide(conv.out_channels, g))


def _is_wide(channels: int, groups: int) -> bool:
    width = channels // groups
    return width >= MIN_CHANNELS_PER_GROUP and width % alignment(channels) == 0


def _is_linear(layer: ConvolutionFacts) -> bool:
    """A layer on a single position: squeeze-and-excitation, which weighs all channels, or a latent that it unfolds."""
    conv = layer.convolution
    return prod(conv.input_size) == 1 and (conv.is_pointwise or layer.is_stem)


def _joins_groups(layer: ConvolutionFacts, model: ModelFacts) -> bool:
    """It is where groups meet: after a grouped layer, or a pointwise one beside any grouped or depthwise layer."""
    before, after = _known(layer.sources, model), _known(layer.readers, model)
    if layer.convolution.is_pointwise:
        return any(conv.groups > 1 for conv in before + after)
    return any(conv.groups > 1 and not conv.is_depthwise for conv in before)


def _known(paths: tuple[str, ...], model: ModelFacts) -> list[Convolution]:
    return [model.convolutions[path].convolution for path in paths if path in model.convolutions]


def _reader_is_grouped(layer: ConvolutionFacts, model: ModelFacts) -> bool:
    """A depthwise reader does not count: it mixes no channels, in any order of them."""
    return any(reader.groups > 1 and not reader.is_depthwise for reader in _known(layer.readers, model))


def _proposal(layer: ConvolutionFacts, model: ModelFacts, groups: int) -> Proposal:
    units: tuple[Unit, ...] = (replace(layer.convolution, groups=groups),)
    if _reader_is_grouped(layer, model) and not layer.shares_output:
        units = (*units, ChannelShuffle(groups))
    return Proposal(((layer.path, units),), choice=RuleChoice("{}-groups", (groups,)))


def _notes(layer: ConvolutionFacts, model: ModelFacts) -> tuple[Note, ...]:
    if not layer.shares_output:
        return ()
    return (note("fixed-order"), *([note("groups-may-not-meet")] if _reader_is_grouped(layer, model) else []))
