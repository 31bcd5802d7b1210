"""Isolated groups: what mixes, then what does not."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from analyzer.dataflow.channels.group_isolation import separate_parts
from analyzer.values.facts import Isolation


def grouped(groups=4, channels=16, out=None, kernel=3):
    return nn.Conv2d(channels, out or channels, kernel, padding=kernel // 2, groups=groups)


class Made(nn.Module):
    def __init__(self, forward, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.made = forward

    def forward(self, x):
        return self.made(*self.parts, x)


def shuffled_by_hand(x, groups=4):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def norm():
    return nn.Sequential(nn.BatchNorm2d(16), nn.ReLU())


class ShuffleNetV1(nn.Module):
    """Its units: grouped pointwise, shuffle, depthwise, grouped pointwise; added to, or beside, the input."""

    def __init__(self):
        super().__init__()
        self.units = nn.ModuleList([self.unit() for _ in range(3)])
        self.wider = self.unit(stride=2)
        self.last = nn.Conv2d(32, 32, 1, groups=4)

    @staticmethod
    def unit(stride=1):
        return nn.Sequential(
            *(grouped(kernel=1), norm(), nn.ChannelShuffle(4), nn.Conv2d(16, 16, 3, stride, 1, groups=16)),
            *(nn.BatchNorm2d(16), grouped(kernel=1), nn.BatchNorm2d(16)),
        )

    def forward(self, x):
        for unit in self.units:
            x = torch.relu(x + unit(x))
        x = torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), self.wider(x)], 1)
        return self.last(torch.relu(x))


SHAPE = (1, 16, 8, 8)
MIXES = {
    "one grouped layer": nn.Sequential(grouped()),
    "a dense layer between": nn.Sequential(grouped(), nn.Conv2d(16, 16, 1), grouped()),
    "a shuffle between": nn.Sequential(grouped(), nn.ChannelShuffle(4), grouped()),
    "a shuffle by hand between": Made(lambda a, b, x: b(shuffled_by_hand(a(x))), grouped(), grouped()),
    "groups that overlap": nn.Sequential(grouped(4, 12, 12), grouped(3, 12, 12)),
    "a gate between": Made(
        lambda a, gate, b, x: b((y := a(x)) * torch.sigmoid(gate(y.mean((2, 3), keepdim=True)))),
        *(grouped(), nn.Conv2d(16, 16, 1), grouped()),
    ),
    "something dense added": Made(lambda a, d, b, x: b(a(x) + d(x)), grouped(), nn.Conv2d(16, 16, 1), grouped()),
    "depthwise layers in a row": nn.Sequential(grouped(16), grouped(16), nn.Conv2d(16, 16, 1)),
    "depthwise then grouped": nn.Sequential(grouped(16), grouped(4)),
    "a permutation that is not known": Made(lambda a, b, x: b(a(x)[:, torch.randperm(16)]), grouped(), grouped()),
    "grouped layers side by side": Made(lambda a, b, x: a(x) + b(x), grouped(), grouped(kernel=5)),
    "ShuffleNetV1": ShuffleNetV1(),
    "a linear layer over channels": Made(
        lambda a, f, b, x: b(f(a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), grouped(), nn.Linear(16, 16), grouped()
    ),
}
SHAPES = {"groups that overlap": (1, 12, 8, 8)}


@pytest.mark.parametrize("name", MIXES)
def test_what_mixes_is_left_alone(name, facts):
    assert facts(MIXES[name], SHAPES.get(name, SHAPE)).isolations == ()


@pytest.mark.parametrize(
    "name", ["shufflenet_v2_x1_0", "resnext50_32x4d", "mobilenet_v2", "efficientnet_b0", "convnext_tiny"]
)
def test_networks_that_mix_are_left_alone(name, facts, zoo):
    assert facts(zoo(getattr(torchvision.models, name)), (1, 3, 64, 64)).isolations == ()


def test_regnet_is_left_alone(facts):
    assert facts(torchvision.models.regnet_y_400mf(), (1, 3, 64, 64)).isolations == ()


def halves(a, b, c, x):
    one, two = a(x).chunk(2, 1)
    return torch.cat([b(one), c(two)], 1)


def swapped(a, b, x):
    one, two = a(x).split(8, 1)
    return b(torch.cat([two, one], 1))


def shuffled_twice(a, b, x):
    y = shuffled_by_hand(a(x), 4)
    return b(shuffled_by_hand(y, 4))


ISOLATED = {
    "in a row": (nn.Sequential(grouped(), grouped()), ("0", "1", 4)),
    "through norm and activation": (nn.Sequential(grouped(), norm(), grouped()), ("0", "2", 4)),
    "through pooling and padding": (
        nn.Sequential(grouped(), nn.MaxPool2d(2), nn.ZeroPad2d(1), nn.Upsample(scale_factor=2), grouped()),
        ("0", "4", 4),
    ),
    "more groups after fewer": (nn.Sequential(grouped(2), grouped(8)), ("0", "1", 2)),
    "fewer groups after more": (nn.Sequential(grouped(8), grouped(2)), ("0", "1", 2)),
    "through a depthwise layer": (nn.Sequential(grouped(), grouped(16), norm(), grouped()), ("0", "3", 4)),
    "through widths that change": (nn.Sequential(grouped(4, 16, 32), grouped(4, 32, 8)), ("0", "1", 4)),
    "with the input added": (Made(lambda a, b, x: b(x + a(x)), grouped(), grouped()), ("parts.0", "parts.1", 4)),
    "with the input added before its norm": (
        Made(lambda n, a, b, x: b(x + a(n(x))), norm(), grouped(), grouped()),
        ("parts.1", "parts.2", 4),
    ),
    "through a split and back": (Made(swapped, grouped(), grouped()), ("parts.0", "parts.1", 4)),
    "through two shuffles that cancel": (Made(shuffled_twice, grouped(), grouped()), ("parts.0", "parts.1", 4)),
    "in half of the channels": (
        Made(halves, grouped(4), grouped(2, 8), nn.Conv2d(8, 8, 1)),
        ("parts.0", "parts.1", 2),
    ),
    "transposed": (nn.Sequential(grouped(), nn.ConvTranspose2d(16, 16, 2, 2, groups=4)), ("0", "1", 4)),
}


@pytest.mark.parametrize("name", ISOLATED)
def test_what_never_meets_is_found(name, facts):
    network, (first, second, groups) = ISOLATED[name]
    assert facts(network, SHAPE).isolations == (Isolation(first, second, groups),)


def test_every_pair_of_a_long_row_is_told(facts):
    found = facts(nn.Sequential(grouped(), grouped(), grouped()), SHAPE).isolations
    assert found == (Isolation("0", "1", 4), Isolation("1", "2", 4))


def test_residual_units_of_one_partition_never_meet(facts):
    network = Made(lambda a, b, x: (y := x + a(x)) + b(y), grouped(), grouped())
    assert facts(network, SHAPE).isolations == (Isolation("parts.0", "parts.1", 4),)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([[0, 0], [1, 1]], 2),
        ([[0, 1], [2, 3], [3, 3]], 2),
        ([[0, 1], [1, 0]], 1),
        ([[0, -1], [1, 1]], 1),  # a mixed channel
        ([[0, -2], [1, 1]], 2),  # padding
    ],
)
def test_parts_share_no_label(rows, parts):
    assert separate_parts(np.array(rows)) == parts
