"""Split a dense convolution into one that filters each channel and one that mixes channels.

## What it flags
A dense convolution of any dimension, larger than 1×1, with at least 16 output channels.

## Why
Filtering space (depthwise) and mixing channels (pointwise) in two steps takes 1 / out_channels + 1 / kernel_area of
the weights and multiply-accumulates of doing both at once: for 3×3 between an eighth and a ninth.

## Example
```python
nn.Conv2d(64, 128, 3)                      # before

nn.Sequential(                             # after
    nn.Conv2d(64, 64, 3, groups=64, bias=False),
    nn.Conv2d(64, 128, 1),
)
```

## What it proposes
Depthwise, then pointwise: the depthwise carries stride, padding and dilation, so that the pointwise runs at output
resolution; the pointwise carries the bias. Priced beside it: the pointwise first (1 / in_channels + 1 / kernel_area of
the weights; it fits trained kernels better, but runs at input resolution, so a stride of s costs it s² times the work),
and with batch normalization and ReLU between, as in MobileNet.

## What it costs
Retraining: the function changes. MobileNet lost 1.1 points of top-1 accuracy (71.7 to 70.6 %) for an eighth of the
work. A depthwise layer moves as many bytes as before for a fraction of the work, about kernel_area / bytes_per_element
FLOP a byte: early, at high resolution, the saving does not become time on a GPU.

## When it stays silent
Pointwise layers, layers that are grouped or depthwise already, transposed ones, stems of up to 4 input channels (three
colours would no longer mix), fewer than 16 output channels, layers under 1 % of the model's parameters and MACs,
branches that are added up with nothing nonlinear between (RepVGG: merged they are one layer), layers that are not
plain.

## Sources
Howard et al. 2017 (MobileNet, table 4); Haase and Amthor 2020 (BSConv); Guo et al. 2018 (Network Decoupling).
"""

from dataclasses import replace

from analyzer.rules.rule import is_worth_restructuring
from analyzer.values.convolution import BatchNorm, Convolution, Proposal, ReLU, Unit, along
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import RuleChoice, note

CODE = "SEP101"
LEVEL = "note"
EFFORT = "retrain"
MIN_OUT_CHANNELS = 16
"""Below, the share that cannot be saved, 1 / out_channels, is of the size of what the depthwise part costs."""


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """Depthwise then pointwise; 1 / out_channels + 1 / kernel_area of the weights and MACs, bias apart."""
    conv = layer.convolution
    if not is_worth_restructuring(layer, model) or conv.transposed or conv.is_pointwise:
        return None
    if conv.out_channels < MIN_OUT_CHANNELS:
        return None
    depthwise, pointwise = depthwise_first(conv)
    between = (BatchNorm(conv.in_channels, conv.dimension), ReLU())
    others: dict[str, tuple[Unit, ...]] = {
        "pointwise-first": pointwise_first(conv),
        "with-normalization-and-activation": (depthwise, *between, pointwise),
    }
    return Proposal(
        ((layer.path, (depthwise, pointwise)),),
        notes=(note("separable-order"),),
        alternatives=tuple(Proposal(((layer.path, units),), choice=RuleChoice(way)) for way, units in others.items()),
        choice=RuleChoice("depthwise-first"),
    )


def depthwise_first(conv: Convolution) -> tuple[Convolution, Convolution]:
    """The depthwise reads what the layer read; the pointwise reads what the layer wrote."""
    depthwise = replace(conv, out_channels=conv.in_channels, groups=conv.in_channels, bias=False)
    return depthwise, replace(along(conv, ()), input_size=conv.output_size)


def pointwise_first(conv: Convolution) -> tuple[Convolution, Convolution]:
    """The bias comes last, so that the depthwise pads the pointwise's output with true zeros."""
    depthwise = replace(conv, in_channels=conv.out_channels, groups=conv.out_channels)
    return replace(along(conv, ()), bias=False), depthwise
