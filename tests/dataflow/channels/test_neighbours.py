"""What surrounds convolutions: norms, followers, readers, and what keeps a layer from being touched."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from analyzer.values.convolution import Convolution


class Made(nn.Module):
    def __init__(self, forward, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.made = forward

    def forward(self, x):
        return self.made(*self.parts, x)


def conv(channels=4, out=4, **options):
    return nn.Conv2d(channels, out, 3, padding=1, **options)


SHAPE = (1, 4, 8, 8)


def test_a_call_is_told_as_the_operator_ran_it(facts):
    layer = nn.Conv2d(4, 6, (3, 5), (1, 2), (1, 4), (1, 2), groups=2)
    assert facts(layer, (2, 4, 8, 16)).convolutions[""].calls == (
        Convolution(4, 6, (3, 5), (1, 2), (1, 4), (1, 2), 2, True, (8, 16), 2),
    )


def test_transposed_and_other_dimensions(facts):
    network = nn.Sequential(nn.ConvTranspose1d(4, 6, 4, 2, 1, output_padding=1, bias=False))
    (told,) = facts(network, (1, 4, 8)).convolutions.values()
    assert told.convolution == Convolution(
        4, 6, (4,), (2,), (1,), (1,), input_size=(8,), transposed=True, output_padding=(1,)
    )
    assert told.convolution.output_size == ((8 - 1) * 2 - 2 + 3 + 1 + 1,)


def test_shares_add_up_in_execution_order(facts):
    found = facts(nn.Sequential(conv(4, 8), conv(8, 4, bias=False)), SHAPE)
    one, two = found.convolutions.values()
    assert (one.path, two.path) == ("0", "1")
    assert (one.params, two.params, found.params) == (4 * 8 * 9 + 8, 8 * 4 * 9, 2 * 4 * 8 * 9 + 8)
    assert (one.macs, found.macs) == (4 * 8 * 9 * 64, 2 * 4 * 8 * 9 * 64)
    assert one.share_of_macs == 0.5
    assert one.share_of_params + two.share_of_params == 1


def fused(layer, x):
    return F.conv2d(x, layer.weight * 2, layer.bias, padding=1)


class Standardized(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, self.weight - self.weight.mean(), self.bias)


class WithMore(nn.Conv2d):
    def forward(self, x):
        return torch.relu(super().forward(x))


class WithChild(nn.Conv2d):
    def __init__(self):
        super().__init__(4, 4, 3)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(super().forward(x))


class ActivatedNorm(nn.BatchNorm2d):
    def __init__(self):
        super().__init__(4)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(super().forward(x))


@pytest.mark.parametrize(
    "network",
    [
        WithChild(),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 4, padding="same"),  # pads one side more
        WithMore(4, 4, 3),
        Made(lambda layer, x: F.conv2d(x, layer.weight, layer.bias), conv()),  # not called
        Made(lambda layer, x: layer(x) + F.conv2d(x, layer.weight, padding=1), conv()),  # called, and more
    ],
)
def test_layers_that_do_more_are_not_plain(network, facts):
    (told,) = facts(network, SHAPE).convolutions.values()
    assert not told.is_plain


def test_an_unbatched_call_is_not_plain(facts):
    assert not facts(nn.Sequential(conv()), (4, 8, 8)).convolutions["0"].is_plain


@pytest.mark.parametrize("network", [Standardized(4, 4, 3), parametrizations.weight_norm(conv()), Made(fused, conv())])
def test_computed_weights_are_no_layer_of_ours(network, facts):
    assert facts(network, SHAPE).convolutions == {}


@pytest.mark.parametrize("layer", [conv(), conv(bias=False), conv(groups=2), nn.Conv2d(4, 4, 3, padding="same")])
def test_plain_layers(layer, facts):
    assert facts(nn.Sequential(layer), SHAPE).convolutions["0"].is_plain


def test_a_layer_used_twice_has_two_calls(facts):
    told = facts(Made(lambda layer, x: layer(F.max_pool2d(layer(x), 2)), conv()), SHAPE).convolutions["parts.0"]
    assert [call.input_size for call in told.calls] == [(8, 8), (4, 4)]
    assert told.is_plain
    assert told.norm is None


NOT_NORMALIZED = [
    nn.Sequential(conv(), nn.ReLU(), nn.BatchNorm2d(4)),
    nn.Sequential(conv(), nn.ReLU(inplace=True), nn.BatchNorm2d(4)),
    nn.Sequential(conv(), nn.GroupNorm(2, 4)),
    nn.Sequential(conv(), nn.InstanceNorm2d(4)),
    Made(lambda c, n, x: (y := c(x)) + n(y), conv(), nn.BatchNorm2d(4)),
    Made(lambda c, n, x: [y := c(x), n(y)], conv(), nn.BatchNorm2d(4)),  # returned as well
    Made(lambda c, n, x: n(c(x).view(1, 4, 4, 16)), conv(), nn.BatchNorm2d(4)),
    Made(lambda c, n, x: n(c(x)) + c(x), conv(), nn.BatchNorm2d(4)),  # one call of two
    Made(lambda c, n, x: n(n(c(x))), conv(), nn.BatchNorm2d(4)),  # reads something else besides
]


@pytest.mark.parametrize("network", NOT_NORMALIZED)
def test_no_norm_reads_alone(network, facts):
    found = facts(network, SHAPE)
    assert [told.norm for told in found.convolutions.values()] == [None]
    assert [norm.convolution for norm in found.norms] == [None] * len(found.norms)


def test_a_norm_that_reads_alone(facts):
    found = facts(nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU()), SHAPE)
    assert found.convolutions["0"].norm == "1"
    ((norm),) = found.norms
    assert (norm.path, norm.channels, norm.params, norm.convolution) == ("1", 4, 8, "0")


def test_two_convolutions_of_one_norm_have_none_of_their_own(facts):
    network = Made(lambda a, b, n, x: n(a(x)) + n(b(x)), conv(), conv(), nn.BatchNorm2d(4))
    found = facts(network, SHAPE)
    assert [told.norm for told in found.convolutions.values()] == [None, None]
    assert found.norms[0].convolution is None


def test_a_norm_that_activates_cannot_be_folded(facts):
    found = facts(nn.Sequential(conv(), ActivatedNorm()), SHAPE)
    assert found.convolutions["0"].norm == "1"
    assert found.norms[0].convolution is None


def test_a_norm_by_this_batch_is_told_by_its_convolution_only(facts):
    found = facts(nn.Sequential(conv(), nn.BatchNorm2d(4, track_running_stats=False)), (2, 4, 8, 8))
    assert found.convolutions["0"].norm == "1"
    assert found.norms == ()


def test_resnet_has_a_norm_on_every_convolution(facts, zoo):
    found = facts(zoo(torchvision.models.resnet50), (1, 3, 224, 224))
    assert all(told.norm is not None and told.is_plain for told in found.convolutions.values())
    assert len(found.norms) == len(found.convolutions) == 53
    assert [linear.path for linear in found.linears] == ["fc"]
    assert (found.linears[0].in_features, found.linears[0].out_features) == (2048, 1000)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nn.Sequential(conv(), conv()), "1"),
        (nn.Sequential(conv(), nn.ReLU(), conv()), None),
        (nn.Sequential(conv(), nn.ReLU(inplace=True), conv()), None),
        (Made(lambda a, b, x: (y := a(x)) + b(y), conv(), conv()), None),
        (nn.Sequential(conv(), nn.Identity(), nn.Dropout(), conv()), "3"),
    ],
)
def test_followers(network, expected, facts):
    assert next(iter(facts(network, SHAPE).convolutions.values())).follower == expected


def test_readers_and_sources_through_what_keeps_channels_apart(facts):
    network = nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), conv(), nn.Sigmoid(), conv())
    found = facts(network, SHAPE).convolutions
    assert [(told.sources, told.readers) for told in found.values()] == [
        ((), ("4",)),
        (("0",), ("6",)),
        (("4",), ()),
    ]


def test_resnet_shortcuts_are_read_by_the_whole_stage(facts, zoo):
    found = facts(zoo(torchvision.models.resnet18), (1, 3, 64, 64)).convolutions
    assert found["layer1.0.conv2"].readers == ("layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0")
    assert found["layer1.0.conv1"].readers == ("layer1.0.conv2",)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(conv(), nn.ReLU(), conv()),
        nn.Sequential(conv(), nn.Hardswish(), conv()),
        Made(lambda a, b, x: b((y := a(x)) * torch.sigmoid(y)), conv(), conv()),  # a SiLU by hand
        Made(lambda a, b, x: b(a(x) * 2 + 1), conv(), conv()),
        nn.Sequential(conv(), nn.Flatten(), nn.Linear(4 * 64, 4)),
        nn.Sequential(conv(), nn.GroupNorm(1, 4), conv()),
        Made(lambda a, b, x: b(a(x).permute(0, 2, 3, 1)), conv(), nn.Linear(4, 4)),
    ],
)
def test_channels_that_are_a_layers_own(network, facts):
    assert not next(iter(facts(network, SHAPE).convolutions.values())).shares_output


@pytest.mark.parametrize(
    "network",
    [
        Made(lambda a, b, x: b(x + a(x)), conv(), conv()),
        Made(lambda a, b, x: b(torch.relu(a(x)).add_(x)), conv(), conv()),
        Made(lambda a, b, x: b(torch.cat([a(x), x], 1)), conv(), conv(8)),
        Made(lambda a, b, x: b(a(x) * x.mean((2, 3), keepdim=True)), conv(), conv()),
        Made(lambda a, b, x: b(a(x).chunk(2, 1)[0]), conv(), conv(2)),
        Made(lambda a, b, x: [y := a(x), b(y)], conv(), conv()),  # the model's output as well
        nn.Sequential(conv(), nn.ChannelShuffle(2), conv()),
        nn.Sequential(conv(), nn.PixelShuffle(2), conv(1)),
        nn.Sequential(conv(), nn.GroupNorm(2, 4), conv()),
        Made(lambda a, b, x: b(a(x)[:, [1, 0, 3, 2]]), conv(), conv()),
        Made(lambda a, b, x: b(a(x).view(1, 2, 2, 8, 8).transpose(1, 2).reshape(1, 4, 8, 8)), conv(), conv()),
    ],
)
def test_channels_whose_order_others_rely_on(network, facts):
    assert next(iter(facts(network, SHAPE).convolutions.values())).shares_output


def test_stems_and_heads(facts):
    network = nn.Sequential(conv(), nn.ReLU(), conv(), nn.ReLU(), conv(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = facts(network, SHAPE).convolutions.values()
    assert [(told.is_stem, told.is_head) for told in found] == [(True, False), (False, False), (False, True)]


@pytest.mark.parametrize(
    "network",
    [
        Made(lambda a, x: a((x - 0.5) / 0.25), conv()),
        Made(lambda a, x: a(F.pad(x, (1, 1, 1, 1))), conv()),
        Made(lambda a, x: a(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)), conv()),
    ],
)
def test_stems_behind_elementwise_work_and_views(network, facts):
    assert facts(network, SHAPE).convolutions["parts.0"].is_stem


def test_the_tail_of_a_backbone_and_a_layer_before_a_linear_one_are_no_heads(facts):
    backbone = facts(nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU()), SHAPE)
    classifier = facts(nn.Sequential(conv(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)), SHAPE)
    assert not backbone.convolutions["0"].is_head
    assert not classifier.convolutions["0"].is_head


def test_segmentation_heads(facts, zoo):
    model = zoo(torchvision.models.segmentation.fcn_resnet50, weights_backbone=None)
    found = facts(model, (1, 3, 64, 64)).convolutions
    assert [told.path for told in found.values() if told.is_head] == ["classifier.4"]


def test_heavy_heads_are_linears_with_their_shares(facts, zoo):
    found = facts(zoo(torchvision.models.vgg16), (1, 3, 224, 224))
    assert sum(linear.params for linear in found.linears) == 123_642_856
    assert round(sum(linear.share_of_params for linear in found.linears), 3) == 0.894
    assert sum(linear.share_of_macs for linear in found.linears) < 0.01


def split(layer, after, x):
    one, two = layer(x).chunk(2, 1)
    return after(torch.cat([one, two * 2], 1))


def gated(layer, after, x):
    value, gate = layer(x).split((2, 2), 1)
    return after(value * gate.sigmoid())


def heads(layer, after, x):
    query, key = layer(x).view(1, 2, 2, 64).unbind(1)
    return after((query * key).view(1, 2, 8, 8))


def rows(layer, after, x):
    top, bottom = layer(x).chunk(2, 2)
    return after(torch.cat([top, bottom], 2))


def tokens(layer, after, x):
    return after(layer(x).flatten(2).transpose(1, 2).transpose(1, 2).view(1, 4, 8, 8))


DIVIDED = {
    "split": (split, 4, True),
    "a value and its gate": (gated, 2, True),
    "queries and keys": (heads, 2, True),
    "along space": (rows, 4, False),
    "as tokens and back": (tokens, 4, False),
    "whole": (lambda layer, after, x: after(layer(x).relu()), 4, False),
}


@pytest.mark.parametrize(("forward", "width", "divided"), DIVIDED.values(), ids=DIVIDED.keys())
def test_whose_output_is_divided(facts, forward, width, divided):
    network = Made(forward, conv(), conv(width))
    found = facts(network, SHAPE).convolutions
    assert [layer.is_divided for layer in found.values()] == [divided, False]
