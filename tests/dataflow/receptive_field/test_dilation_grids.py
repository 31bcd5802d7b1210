"""Gridding: the exact test on chains, then along the paths of real graphs."""

import pytest
import torch
import torchvision
from torch import nn

from analyzer.values.facts import Grid


def conv(rate=1, kernel=3, stride=1, channels=4):
    return nn.Conv2d(channels, channels, kernel, stride, rate * (kernel // 2), rate)


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Pyramid(nn.Module):
    """Parallel rates that are concatenated."""

    def __init__(self, *rates):
        super().__init__()
        self.convs = nn.ModuleList([conv(rate) for rate in rates])
        self.project = nn.Conv2d(4 * len(rates), 4, 1)

    def forward(self, x):
        return self.project(torch.cat([layer(x) for layer in self.convs], 1))


class WaveNet(nn.Module):
    """Causal layers of two taps with doubling rates, residuals, and the sum of all that they say."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(4, 4, 2, dilation=2**power) for power in range(6)])

    def forward(self, x):
        said = 0
        for layer in self.layers:
            y = torch.tanh(layer(nn.functional.pad(x, (layer.dilation[0], 0))))
            said, x = said + y, x + y
        return said


@pytest.mark.parametrize(
    "layers",
    [
        (conv(), conv(2), conv(5)),
        (conv(5), conv(2), conv()),  # the order does not matter
        (conv(), nn.BatchNorm2d(4), nn.ReLU(), conv(2), conv(4), conv(8)),
        (conv(), conv(), conv()),
        (conv(2),),  # one layer is no stack
        (conv(2), conv(1, stride=2), conv(2)),  # each alone on its lattice
        (conv(), conv(2, kernel=5)),
        (conv(), Residual(conv(2)), Residual(conv(2))),
        (conv(), conv(), conv(), Pyramid(1, 3, 5)),
        (nn.MaxPool2d(3, 1, 1), conv(3), conv()),
    ],
)
def test_stacks_that_read_everything_are_left_alone(layers, facts):
    assert facts(nn.Sequential(*layers), (1, 4, 64, 64)).grids == ()


class Halves(nn.Module):
    """One half of the channels goes on."""

    def __init__(self, split):
        super().__init__()
        self.split = split

    def forward(self, x):
        return self.split(x)[0]


@pytest.mark.parametrize(
    "split",
    [
        lambda x: x.split(4, 1),
        lambda x: x.chunk(2, 1),
        lambda x: torch.ops.aten.unsafe_split.Tensor(x, 4, 1),
        lambda x: torch.ops.aten.unsafe_split_with_sizes(x, [4, 4], 1),
    ],
    ids=["split", "chunk", "unsafe split", "unsafe split with sizes"],
)
def test_stacks_are_followed_through_every_way_to_split_channels(facts, split):
    model = nn.Sequential(nn.Conv2d(4, 8, 3, padding=2, dilation=2), Halves(split), conv(2))
    # Taps at -2, 0, 2 twice: of -4 to 4 the four odd positions are not read.
    assert facts(model, (1, 4, 64, 64)).grids == (Grid(("0", "2"), 0, 9, 4),)


def test_wavenet_is_left_alone(facts):
    assert facts(WaveNet(), (1, 4, 256)).grids == ()


@pytest.mark.parametrize(
    "model", [torchvision.models.segmentation.deeplabv3_resnet50, torchvision.models.segmentation.fcn_resnet50]
)
def test_segmentation_networks_are_left_alone(model, facts, zoo):
    assert facts(zoo(model, weights_backbone=None), (1, 3, 224, 224)).grids == ()


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((conv(2), conv(2), conv(2)), Grid(("0", "1", "2"), 0, 13, 6)),
        ((conv(), conv(2), nn.BatchNorm2d(4), nn.ReLU(), conv(9)), Grid(("0", "1", "4"), 0, 25, 4)),
        ((conv(2), conv(2, kernel=1), conv(4)), Grid(("0", "2"), 0, 13, 6)),
        ((conv(1, stride=2), conv(2), conv(4), conv(1, stride=2), conv()), Grid(("1", "2"), 0, 13, 6)),
        ((Residual(conv(2)), Residual(conv(2))), Grid(("0.body.0", "1.body.0"), 0, 9, 4)),
        ((conv(2), conv(2), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1)), Grid(("0", "1"), 0, 9, 4)),
    ],
)
def test_stacks_with_holes_are_reported_once(layers, expected, facts):
    assert facts(nn.Sequential(*layers), (1, 4, 64, 64)).grids == (expected,)


def test_parallel_rates_are_judged_one_by_one(facts):
    found = facts(nn.Sequential(conv(), Pyramid(1, 2, 8)), (1, 4, 64, 64)).grids
    assert found == (Grid(("0", "1.convs.2"), 0, 2 * 8 + 3, 2 * (8 - 3)),)


def test_axes_are_judged_apart(facts):
    network = nn.Sequential(*(nn.Conv2d(4, 4, 3, 1, (1, 2), (1, 2)) for _ in range(2)))
    assert facts(network, (1, 4, 32, 32)).grids == (Grid(("0", "1"), 1, 9, 4),)


def test_many_paths_are_bounded_work(facts):
    network = nn.Sequential(*(Residual(conv(2)) for _ in range(40)))
    (grid,) = facts(network, (1, 4, 200, 200)).grids
    assert (len(grid.layers), grid.field, grid.holes) == (40, 40 * 4 + 1, 40 * 2)
