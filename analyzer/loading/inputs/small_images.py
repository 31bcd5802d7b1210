"""Recognises models for the small images of CIFAR and MNIST; those for photographs accept such images as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn

CLASSES = {3: {10: "CIFAR-10", 100: "CIFAR-100"}, 1: {10: "MNIST", 26: "EMNIST", 47: "EMNIST", 62: "EMNIST"}}
"""By channels of the image, the numbers of classes of the data sets whose images are 32 or 28 pixels wide."""
SIDES = {3: 32, 1: 28}
LARGEST_KERNEL = 5
"""Pixels a side; a first convolution for photographs often has 7."""


class SmallImage(NamedTuple):
    """Channels, height and width of an image, and what speaks for it."""

    shape: tuple[int, int, int]
    reason: str


def small_images(module: nn.Module) -> SmallImage | None:
    """The image of a model that begins without losing pixels and ends with a data set's number of classes."""
    from torch import nn

    layers = list(module.named_modules())
    first = next((layer for _, layer in layers if isinstance(layer, nn.Conv2d)), None)
    scored = [(path, layer) for path, layer in layers if isinstance(layer, nn.Linear)]
    if first is None or not scored or first.in_channels not in CLASSES or not _keeps_size(first):
        return None
    path, last = scored[-1]
    data_set = CLASSES[first.in_channels].get(last.out_features)
    if data_set is None or any(_pools_to_several(layer) for _, layer in layers):
        return None
    side = SIDES[first.in_channels]
    return SmallImage((first.in_channels, side, side), f"the {last.out_features} classes of {data_set} in `{path}`")


def _keeps_size(conv: nn.Conv2d) -> bool:
    """A small kernel without a stride, padded; a first layer for photographs makes them smaller at once."""
    padded = conv.padding == "same" or tuple(conv.padding) == tuple(size // 2 for size in conv.kernel_size)
    return padded and set(conv.stride) == {1} and max(conv.kernel_size) <= LARGEST_KERNEL


def _pools_to_several(layer: nn.Module) -> bool:
    """As VGG, whose 7×7 positions before the classifier want photographs."""
    from torch import nn

    size = layer.output_size if isinstance(layer, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) else 1
    return size not in (1, (1, 1), [1, 1])
