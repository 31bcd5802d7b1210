"""Resolution given back, and what is never given back."""

import pytest
import torch
import torchvision
from torch import nn

from analyzer.values.facts import Restoration


def conv(channels=4, out=4, stride=1):
    return nn.Conv2d(channels, out, 3, stride, 1)


class UNet(nn.Module):
    def __init__(self, transposed):
        super().__init__()
        self.first, self.low, self.lowest, self.up, self.last = conv(), conv(), conv(), conv(8, 4), conv(8, 4)
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)
        make = (lambda: nn.ConvTranspose2d(4, 4, 2, 2)) if transposed else (lambda: nn.Upsample(scale_factor=2))
        self.grow2, self.grow1 = make(), make()

    def forward(self, x):
        one = self.first(x)
        two = self.low(self.pool1(one))
        three = self.lowest(self.pool2(two))
        two = self.up(torch.cat([two, self.grow2(three)], 1))
        return self.last(torch.cat([one, self.grow1(two)], 1))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(conv(stride=2), conv()),
        nn.Sequential(conv(), nn.Upsample(scale_factor=2), conv()),
        nn.Sequential(conv(stride=2), conv(), nn.AdaptiveAvgPool2d(1), nn.Upsample(size=16)),
        nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2)),  # no convolution between
    ],
)
def test_nothing_is_given_back(network, facts):
    assert facts(network, (1, 4, 16, 16)).restorations == ()


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "vit_b_16"])
def test_classifiers_give_nothing_back(name, facts, zoo):
    assert facts(zoo(getattr(torchvision.models, name)), (1, 3, 224, 224)).restorations == ()


def test_a_stride_and_an_upsampling(facts):
    network = nn.Sequential(conv(stride=2), conv(), conv(), nn.Upsample(scale_factor=2), conv())
    assert facts(network, (1, 4, 16, 16)).restorations == (Restoration("0", "3", 2, ("1", "2")),)


def test_one_upsampling_makes_up_for_several_losses(facts):
    network = nn.Sequential(conv(stride=2), conv(), nn.AvgPool2d(2), conv(), nn.Upsample(size=16, mode="bilinear"))
    assert facts(network, (1, 4, 16, 16)).restorations == (
        Restoration("2", "4", 2, ("3",)),
        Restoration("0", "4", 2, ("1", "3")),
    )


def test_sizes_that_round_count_as_given_back(facts):
    network = nn.Sequential(conv(stride=2), conv(), nn.Upsample(size=33))
    assert facts(network, (1, 4, 33, 33)).restorations == (Restoration("0", "2", 2, ("1",)),)


@pytest.mark.parametrize("transposed", [False, True])
def test_u_net_pairs_each_pool_with_its_upsampling(transposed, facts):
    assert facts(UNet(transposed), (1, 4, 16, 16)).restorations == (
        Restoration("pool2", "grow2", 2, ("lowest",)),
        Restoration("pool1", "grow1", 2, ("low", "lowest", *(("grow2",) if transposed else ()), "up")),
    )


def test_deeplab_gives_back_its_output_stride(facts, zoo):
    model = zoo(torchvision.models.segmentation.deeplabv3_resnet50, weights_backbone=None)
    found = facts(model, (1, 3, 224, 224)).restorations
    assert [(loss.downsample, loss.upsample, loss.factor) for loss in found] == [
        ("backbone.layer2.0.conv2", "", 2),
        ("backbone.maxpool", "", 2),
        ("backbone.conv1", "", 2),
    ]
    assert "backbone.layer4.2.conv2" in found[0].between
    assert "backbone.layer2.0.conv1" not in found[0].between
