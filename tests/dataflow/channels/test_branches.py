"""The branches that a concatenation puts together, as the convolution after it reads them."""

import pytest
import torch
from torch import nn


class Joined(nn.Module):
    """Two branches of 8 and 4 channels, then something, then a convolution."""

    def __init__(self, join, between=None, width=12):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 4, 1)
        self.join, self.between = join, between or nn.Identity()
        self.last = nn.Conv2d(width, 8, 1)

    def forward(self, x):
        return self.last(self.between(self.join(self.a(x), self.b(x))))


def cat(a, b):
    return torch.cat([a, b], 1)


class Gated(Joined):
    """The concatenation times a gate of its own, as squeeze-and-excitation gives one."""

    def __init__(self):
        super().__init__(cat)
        self.squeeze = nn.Conv2d(12, 12, 1)

    def forward(self, x):
        joined = self.join(self.a(x), self.b(x))
        return self.last(self.squeeze(joined.mean((2, 3), keepdim=True)).sigmoid() * joined)


class Shortcut(Joined):
    """The concatenation and a dense layer's output, added up: that fuses the branches."""

    def __init__(self):
        super().__init__(cat)
        self.dense = nn.Conv2d(3, 12, 1)

    def forward(self, x):
        return self.last(self.join(self.a(x), self.b(x)) + self.dense(x))


WIDTHS = {
    "concatenated": (Joined(cat), (8, 4)),
    "normalized, activated and pooled": (
        Joined(cat, nn.Sequential(nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2))),
        (8, 4),
    ),
    "resized": (Joined(lambda a, b: cat(a, nn.functional.interpolate(b, scale_factor=1.0))), (8, 4)),
    "within one another": (Joined(lambda a, b: cat(cat(a, b), b), width=16), (8, 4, 4)),
    "counted from behind": (Joined(lambda a, b: torch.cat([a, b], -3)), (8, 4)),
    "gated": (Gated(), (8, 4)),
    "fused with what is added": (Shortcut(), ()),
    "added": (Joined(lambda a, b: a + b.repeat(1, 2, 1, 1), width=8), ()),
    "one after the other": (Joined(lambda a, b: a, width=8), ()),
    "along space": (Joined(lambda a, b: torch.cat([a, a], 2), width=8), ()),
    "shuffled, so that every group reads all": (Joined(cat, nn.ChannelShuffle(2)), ()),
    "mixed by a convolution": (Joined(cat, nn.Conv2d(12, 12, 1)), ()),
}


@pytest.mark.parametrize(("network", "widths"), WIDTHS.values(), ids=WIDTHS.keys())
def test_branches(network, widths, facts):
    assert facts(network, (1, 3, 8, 8)).convolutions["last"].branches == widths
