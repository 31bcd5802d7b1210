"""Receptive fields against published numbers, hand arithmetic and support propagated back through real values."""

from fractions import Fraction

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from analyzer.dataflow.flow import Flow
from analyzer.dataflow.receptive_field.fields import axes_of_values, receptive_fields, with_fields
from analyzer.dataflow.receptive_field.window import MAX_PHASES
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import trace


class Branches(nn.Module):
    """The sum, or the concatenation, of what branches make of one input."""

    def __init__(self, *branches, cat=False):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.cat = cat

    def forward(self, x):
        results = [branch(x) for branch in self.branches]
        return torch.cat(results, 1) if self.cat else sum(results[1:], results[0])


class Made(nn.Module):
    """A forward given as a function of the module's parts."""

    def __init__(self, forward, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.made = forward

    def forward(self, *args):
        return self.made(*self.parts, *args)


def pair(number):
    return (number, number)


# measured by back-propagating support through an all-positive linearised copy: size, jump, padding
TORCHVISION = [
    ("resnet18", {"conv1": (7, 2, 3), "maxpool": (11, 4, 5), "layer1": (43, 4, 21), "layer2": (99, 8, 49)}),
    ("resnet18", {"layer3": (211, 16, 105), "layer4": (435, 32, 217)}),
    ("resnet34", {"layer1": (59, 4, 29), "layer2": (179, 8, 89), "layer3": (547, 16, 273), "layer4": (899, 32, 449)}),
    ("resnet50", {"layer1": (35, 4, 17), "layer2": (91, 8, 45), "layer3": (267, 16, 133), "layer4": (427, 32, 213)}),
    ("resnet101", {"layer1": (35, 4, 17), "layer2": (91, 8, 45), "layer3": (811, 16, 405), "layer4": (971, 32, 485)}),
    ("alexnet", {"features": (195, 32, 66)}),
    ("mobilenet_v2", {"features": (491, 32, 245)}),
    ("squeezenet1_0", {"features": (155, 16, 60)}),
]
# google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md: vgg_a, vgg_16
TF_SLIM = [
    (
        "vgg11",
        {"0": (3, 1, 1), "2": (4, 2, 1), "3": (8, 2, 3), "5": (10, 4, 3), "6": (18, 4, 7), "8": (26, 4, 11)}
        | {"10": (30, 8, 11), "11": (46, 8, 19), "13": (62, 8, 27), "15": (70, 16, 27), "16": (102, 16, 43)}
        | {"18": (134, 16, 59), "20": (150, 32, 59)},
    ),
    (
        "vgg16",
        {"0": (3, 1, 1), "4": (6, 2, 2), "5": (10, 2, 4), "9": (16, 4, 6), "10": (24, 4, 10), "12": (32, 4, 14)}
        | {"16": (44, 8, 18), "17": (60, 8, 26), "19": (76, 8, 34), "23": (100, 16, 42), "24": (132, 16, 58)}
        | {"26": (164, 16, 74), "30": (212, 32, 90)},
    ),
]


def told(field):
    return field.size, field.jump, field.padding


@pytest.mark.parametrize(("name", "expected"), TORCHVISION)
def test_torchvision_networks(name, expected, traced, zoo):
    fields = receptive_fields(traced(zoo(getattr(torchvision.models, name)), (1, 3, 224, 224)))
    assert {path: told(fields[path]) for path in expected} == {
        path: (pair(size), pair(jump), pair(padding)) for path, (size, jump, padding) in expected.items()
    }
    assert all(fields[path].aligned for path in expected)


@pytest.mark.parametrize(("name", "expected"), TF_SLIM)
def test_vgg_agrees_with_tf_slim_layer_by_layer(name, expected, traced, zoo):
    fields = receptive_fields(traced(zoo(getattr(torchvision.models, name)), (1, 3, 224, 224)))
    assert {path: told(fields[f"features.{path}"]) for path in expected} == {
        path: (pair(size), pair(jump), pair(padding)) for path, (size, jump, padding) in expected.items()
    }


def test_resnet50_by_hand(traced, zoo):
    fields = receptive_fields(traced(zoo(torchvision.models.resnet50), (1, 3, 224, 224)))
    assert fields["layer4"].size == pair(35 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64))


def test_convnext_keeps_its_field_through_channels_last(traced, zoo):
    fields = receptive_fields(traced(zoo(torchvision.models.convnext_tiny), (1, 3, 224, 224)))
    assert told(fields["features.1"]) == (pair(4 + 3 * 6 * 4), pair(4), pair(3 * 3 * 4))


def test_window_attention_reads_its_window(traced, zoo):
    fields = receptive_fields(traced(zoo(torchvision.models.swin_t), (1, 3, 224, 224)))
    assert told(fields["features.1.0"]) == (pair(4 * 7), pair(4), pair(0))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("vit_b_16", "encoder"),
        ("resnet18", "avgpool"),
        ("resnet18", "fc"),
        ("vgg11", "classifier.0"),
        ("efficientnet_b0", "features.1"),  # squeeze and excitation
        ("mobilenet_v3_small", "features.1.block.1"),
    ],
)
def test_pooling_attention_gates_and_flattening_are_global(name, path, traced, zoo):
    field = receptive_fields(traced(zoo(getattr(torchvision.models, name)), (1, 3, 224, 224)))[path]
    assert field.size == (None, None)
    assert field.whole_size is None


def test_a_gate_leaves_the_jump(traced, zoo):
    field = receptive_fields(traced(zoo(torchvision.models.efficientnet_b0), (1, 3, 224, 224)))["features.1"]
    assert field.jump == pair(2)


def conv(kernel, stride=1, padding=0, **options):
    return nn.Conv2d(3, 3, kernel, stride, padding, **options)


def padded(*layers):
    """Zeros on the left and on top only."""
    return nn.Sequential(nn.ZeroPad2d((1, 0, 1, 0)), *layers)


def same(kernel, stride, size):
    """TensorFlow's SAME padding, which depends on the input's size."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    left, right = total // 2, total - total // 2
    return nn.Sequential(nn.ZeroPad2d((left, right, left, right)), conv(kernel, stride))


def network_1():
    return Branches(conv(1, 4), padded(conv(3, 2), conv(1, 2)))


# google-research/receptive_field, receptive_field_computation_test.py: its test networks by number
@pytest.mark.parametrize(
    ("network", "size", "expected"),
    [
        (network_1(), 32, (pair(3), pair(4), pair(1))),
        (Branches(conv(1, 4), nn.Sequential(same(3, 2, 9), conv(1, 2))), 9, (pair(3), pair(4), pair(1))),
        (nn.Sequential(conv((3, 5), 2), conv((3, 1), 2)), 32, ((7, 5), pair(4), pair(0))),
        (nn.Sequential(network_1(), Branches(conv(1, 2), padded(conv(3, 2)))), 32, (pair(11), pair(8), pair(5))),
    ],
)
def test_aligned_networks(network, size, expected, traced):
    field = receptive_fields(traced(network, (1, 3, size, size)))[""]
    assert told(field) == expected
    assert field.aligned


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (Branches(conv(1, 4), nn.Sequential(conv(3, 2), conv(1, 2))), 35),  # no padding
        (Branches(conv(1, 4), nn.Sequential(same(3, 2, 8), conv(1, 2))), 8),
        (Branches(nn.Identity(), nn.Sequential(conv(3, 2, 1), nn.Upsample(scale_factor=2))), 8),  # half a pixel off
    ],
)
def test_unaligned_networks_are_said_to_be(network, size, traced):
    assert not receptive_fields(traced(network, (1, 3, size, size)))[""].aligned


def test_branches_that_differ_in_jump_keep_the_largest(traced):
    network = Branches(conv(3, 2, 1), nn.Sequential(conv(5, 1, 2), nn.AdaptiveAvgPool2d(5), conv(1)))
    field = receptive_fields(traced(network, (1, 3, 9, 9)))[""]
    assert not field.aligned
    assert field.size == pair(5 + 2)


def run(*layers, shape=(1, 3, 16, 16)):
    return nn.Sequential(*layers), shape


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (*run(conv(3, 2, 1), nn.Upsample(scale_factor=2), conv(3, 1, 1)), (pair(3 + 2), pair(1), pair(3))),
        (*run(conv(1), nn.Upsample(scale_factor=2)), (pair(1), pair(Fraction(1, 2)), pair(0))),
        (*run(conv(1), nn.Upsample(scale_factor=2, mode="bilinear")), (pair(2), pair(Fraction(1, 2)), pair(1))),
        (
            *run(conv(1), nn.Upsample(size=31, mode="bilinear", align_corners=True)),
            (pair(2), pair(Fraction(1, 2)), pair(0)),
        ),
        (*run(conv(1), nn.Upsample(scale_factor=2, mode="bicubic")), (pair(4), pair(Fraction(1, 2)), pair(2))),
        (*run(conv(1), nn.ConvTranspose2d(3, 3, 2, 2)), (pair(1), pair(Fraction(1, 2)), pair(0))),
        (*run(conv(1), nn.ConvTranspose2d(3, 3, 4, 2, 1)), (pair(2), pair(Fraction(1, 2)), pair(1))),
        (*run(nn.PixelUnshuffle(2), nn.Conv2d(12, 12, 3, 1, 1), nn.PixelShuffle(2)), (pair(6), pair(1), pair(2))),
        (*run(conv(2), conv(2)), (pair(3), pair(1), pair(0))),
        (*run(conv(3, dilation=4, padding=4)), (pair(9), pair(1), pair(4))),
        (*run(nn.MaxPool2d(3, 2, dilation=2), conv(1)), (pair(5), pair(2), pair(0))),
        (*run(conv(1), nn.AvgPool2d(3, 2, 1, ceil_mode=True)), (pair(3), pair(2), pair(1))),
        (*run(conv(1), nn.AdaptiveAvgPool2d(4)), (pair(4), pair(4), pair(0))),
        (*run(conv(1), nn.AdaptiveAvgPool2d(16)), (pair(1), pair(1), pair(0))),
        (*run(conv(3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout()), (pair(3), pair(1), pair(0))),
        (*run(conv(3), nn.LocalResponseNorm(3)), (pair(3), pair(1), pair(0))),
        (*run(conv(3), nn.Softmax(1)), (pair(3), pair(1), pair(0))),
        (*run(conv((1, 3), (1, 2), (0, 1))), ((1, 3), (1, 2), (0, 1))),
        (*run(nn.Conv1d(4, 4, 3, 2), nn.MaxPool1d(2), shape=(1, 4, 32)), ((5,), (4,), (0,))),
        (*run(nn.Conv3d(2, 2, (1, 3, 5)), nn.MaxPool3d(2), shape=(1, 2, 8, 8, 8)), ((2, 4, 6), (2, 2, 2), (0, 0, 0))),
        (*run(nn.Conv2d(3, 3, 3), nn.MaxPool2d(2), shape=(3, 16, 16)), (pair(4), pair(2), pair(0))),  # no batch
    ],
)
def test_layers_by_hand(network, shape, expected, traced):
    assert told(receptive_fields(traced(network, shape))[""]) == expected


@pytest.mark.parametrize(
    ("layers", "least", "most"),
    [
        ((conv(3, 2, 1), nn.Upsample(scale_factor=2), conv(3, 1, 1)), 3 + 2, 3 + 2),
        ((conv(1), nn.Upsample(scale_factor=2), conv(3, 1, 1)), 2, 2),
        ((conv(1), nn.Upsample(scale_factor=2), conv(2)), 1, 2),  # even places read one position, odd ones two
        ((conv(1), nn.ConvTranspose2d(3, 3, 3, 2, 1)), 1, 2),
        ((conv(3, 2, 1), nn.ConvTranspose2d(3, 3, 3, 2, 1)), 3, 3 + 2),
        ((conv(3), nn.Upsample(scale_factor=2), conv(2)), 3, 4),
        ((conv(3),), 3, 3),
    ],
)
def test_phases_after_upsampling_read_differently(layers, least, most, traced):
    network = nn.Sequential(*layers)
    count = Count(traced(network, (1, 3, 16, 16)))
    fields = receptive_fields(count.trace)
    assert (fields[""].least_size, fields[""].size) == (pair(least), pair(most))
    (row,) = [row for row in with_fields(count.layers, fields) if row.path == str(len(layers) - 1)]
    assert (row.receptive_field_least, row.receptive_field) == (pair(least) if least < most else None, pair(most))


@pytest.mark.parametrize("sizes", [(1999,), (40_000, 1_600_000)])
def test_a_pattern_too_long_to_follow_is_irregular(sizes, traced):
    network = nn.Sequential(nn.Conv1d(1, 1, 1), *(nn.Upsample(size=size) for size in sizes), nn.Conv1d(1, 1, 3))
    count = Count(traced(network, (1, 1, 1000)))
    fields = receptive_fields(count.trace)
    assert told(fields[""]) == ((None,), (None,), (None,))
    rows = {row.path: row for row in with_fields(count.layers, fields)}
    assert (rows["0"].reach, rows[str(1 + len(sizes))].reach) == ("exact", "irregular")


@pytest.mark.parametrize("name", ["botnet26t_256", "csatv2"])
def test_regrouped_axes_are_not_enumerated(name, traced, zoo):
    # both took minutes, one of them 24 GB: patterns of millions of phases
    network = zoo(timm.create_model, model_name=name)
    axes = axes_of_values(Flow(traced(network, (1, *network.default_cfg["input_size"]))))
    phases = [len(reach.window.low) for known in axes.values() for reach in known.reach.values()]
    assert max(phases) <= MAX_PHASES
    assert sum(phases) < 16 * len(phases)


@pytest.mark.parametrize(
    "layers",
    [
        (conv(3), nn.InstanceNorm2d(3)),
        (conv(3), nn.GroupNorm(1, 3)),
        (conv(3), nn.Softmax(-1)),
        (conv(3), nn.AdaptiveAvgPool2d(1)),
        (conv(3), nn.Flatten(), nn.Linear(3 * 14 * 14, 2)),
        (conv(3), nn.LayerNorm((3, 14, 14))),
        (conv(3), nn.Flatten(2), nn.Linear(14 * 14, 2)),
    ],
)
def test_what_reads_everything_is_global(layers, traced):
    assert None in receptive_fields(traced(nn.Sequential(*layers), (1, 3, 16, 16)))[""].size


def test_batch_statistics_are_global_in_training(traced):
    network = nn.Sequential(conv(3), nn.BatchNorm2d(3, track_running_stats=False))
    assert receptive_fields(traced(network, (2, 3, 16, 16)))[""].size == (None, None)


def test_a_linear_layer_over_channels_is_local(traced):
    network = Made(lambda c, f, x: f(c(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2), conv(3), nn.Linear(3, 8))
    assert told(receptive_fields(traced(network, (1, 3, 16, 16)))[""]) == (pair(3), pair(1), pair(0))


def test_channels_last_input_names_its_axes_by_the_convolution(traced):
    network = Made(lambda c, x: c(x.permute(0, 3, 1, 2)), conv((3, 5)))
    assert receptive_fields(traced(network, (1, 16, 16, 3)))[""].size == (3, 5)


def test_the_input_added_to_the_result_is_local_too(traced):
    network = Made(lambda c, x: x + c(x), conv(3, 1, 1))
    field = receptive_fields(traced(network, (1, 3, 16, 16)))[""]
    assert told(field) == (pair(3), pair(1), pair(1))
    assert field.aligned


def test_slices_crop_and_stride(traced):
    network = Made(lambda c, x: c(x)[:, :, 1:-1, ::2], conv(3))
    assert told(receptive_fields(traced(network, (1, 3, 16, 16)))[""]) == (pair(3), (1, 2), (-1, 0))


def test_chosen_channels_leave_space_alone_and_chosen_places_do_not(traced):
    channels = Made(lambda c, x: c(x)[:, torch.tensor([1, 0])], conv(3))
    places = Made(lambda c, x: c(x)[:, :, torch.tensor([1, 0])], conv(3))
    assert receptive_fields(traced(channels, (1, 3, 16, 16)))[""].size == pair(3)
    assert receptive_fields(traced(places, (1, 3, 16, 16)))[""].size == (None, 3)


def test_parts_of_channels_are_local_and_parts_of_space_are_not(traced):
    channels = Made(lambda c, x: c(x).split(1, 1)[2], conv(3))
    space = Made(lambda c, x: c(x).split(7, 2)[1], conv(3))
    assert receptive_fields(traced(channels, (1, 3, 16, 16)))[""].size == pair(3)
    assert receptive_fields(traced(space, (1, 3, 16, 16)))[""].size == (None, 3)


def test_the_audio_encoder_of_wav2vec_2(traced):
    # Baevski et al. 2020: "a stride of about 20ms between each sample, and a receptive field of 400 input samples"
    shapes = zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True)
    layers = [nn.Sequential(nn.Conv1d(1, 1, kernel, stride), nn.GELU()) for kernel, stride in shapes]
    assert told(receptive_fields(traced(nn.Sequential(*layers), (1, 1, 16000)))[""]) == ((400,), (320,), (0,))


def test_patches_are_windows(traced):
    network = Made(lambda c, x: nn.functional.unfold(c(x), 3, padding=1).view(1, 27, 16, 16), conv(3, 1, 1))
    assert told(receptive_fields(traced(network, (1, 3, 16, 16)))[""]) == (pair(5), pair(1), pair(2))
    sliding = Made(lambda c, x: c(x).unfold(2, 4, 2).mean(-1), conv(3))
    assert told(receptive_fields(traced(sliding, (1, 3, 16, 16)))[""]) == ((6, 3), (2, 1), (0, 0))


def test_channel_shuffles_and_splits_leave_space_alone(traced):
    def shuffled(c, x):
        one, two = c(x).view(1, 2, 2, 14, 14).transpose(1, 2).reshape(1, 4, 14, 14).chunk(2, 1)
        return torch.cat([one, two], 1)

    network = Made(shuffled, nn.Conv2d(3, 4, 3))
    assert told(receptive_fields(traced(network, (1, 3, 16, 16)))[""]) == (pair(3), pair(1), pair(0))


def test_writing_through_a_view_reaches_the_whole_tensor(traced):
    def shifted(c, x):
        out = torch.zeros_like(x)
        out[:, :, 1:] = c(x)[:, :, :-1]
        return c(out)

    field = receptive_fields(traced(Made(shifted, conv(3, 1, 1)), (1, 3, 16, 16)))[""]
    assert field.size == (None, 3 + 2)
    assert field.jump == pair(1)


def attended(query, keys):
    return torch.softmax(query @ keys.mT, -1) @ keys


@pytest.mark.parametrize(
    ("forward", "shapes"),
    [
        (lambda c, x: x + attended(x.mT, c(x).mT).mT, [(1, 3, 10)]),
        (lambda c, x: x + torch.softmax(x @ c(x).mT, -1) @ c(x), [(1, 3, 10)]),
        (lambda c, x: x + F.scaled_dot_product_attention(x.mT, c(x).mT, c(x).mT).mT, [(1, 3, 10)]),
        (lambda c, x, t: t + attended(t, c(x).mT), [(1, 3, 10), (1, 5, 3)]),
        (lambda c, x, t: F.scaled_dot_product_attention(t, c(x).mT, c(x).mT), [(1, 3, 10), (1, 5, 3)]),
        (lambda c, x, t: torch.addmm(t, c(x)[0].mT, c(x)[0]), [(1, 3, 10), (10, 10)]),
    ],
)
def test_attention_to_a_convolved_input_is_global(forward, shapes, traced):
    field = receptive_fields(traced(Made(forward, nn.Conv1d(3, 3, 3, padding=1)), *shapes))[""]
    assert field.size == (None,)


@pytest.mark.parametrize(("of_query", "of_keys", "jump"), [(1, 4, 1), (4, 1, 4), (2, 2, 2)])
def test_attention_moves_with_its_queries(of_query, of_keys, jump, traced):
    made = Made(lambda q, k, x: attended(q(x).mT, k(x).mT), nn.Conv1d(3, 3, 1, of_query), nn.Conv1d(3, 3, 1, of_keys))
    fused = Made(lambda q, k, x: F.scaled_dot_product_attention(q(x).mT, k(x).mT, k(x).mT), *made.parts)
    for network in (made, fused):
        assert receptive_fields(traced(network, (1, 3, 16)))[""].jump == (jump,)


def test_the_input_added_to_what_reads_all_of_it_keeps_its_positions(traced):
    network = Made(lambda c, x: x + attended(x.mT, c(x).mT).mT, nn.Conv1d(3, 3, 3, padding=1))
    assert receptive_fields(traced(network, (1, 3, 10)))[""].jump == (1,)


def test_an_input_goes_by_its_own_axes_wherever_it_is_turned_to(traced):
    network = Made(lambda c, x: c(x.mT).mT * x, nn.Conv2d(3, 3, (3, 5), padding=(1, 2)))
    assert told(receptive_fields(traced(network, (1, 3, 16, 16)))[""]) == ((3, 5), pair(1), (1, 2))


@pytest.mark.parametrize(
    "forward",
    [
        lambda c, x: c(x) * c(x).mT,  # an element reads row i and row j
        lambda c, x: c(x) + c(x)[:, :, :1],  # and the first row
        lambda c, x: c(torch.cat([c(x), c(x)], 2)),  # rows of either part
        lambda c, x: F.conv2d(c(x), c(x)[0, :, None, :3, :3], groups=3),  # a kernel made of the input
        lambda c, x: c(x).roll(1),
    ],
)
def test_what_reads_two_places_at_once_is_global(forward, traced):
    assert receptive_fields(traced(Made(forward, conv(3, 1, 1)), (1, 3, 16, 16)))[""].size[0] is None


@pytest.mark.parametrize(("shift", "reach"), [(1, "irregular"), (0, "exact"), (16, "exact")])
def test_what_reads_across_the_seam_of_a_roll_is_not_called_exact(shift, reach, traced):
    """The first row of the last convolution reads rows at both ends of the input."""
    network = Made(lambda c, d, x: d(c(x).roll(shift, 2)), conv(3, 1, 1), conv(3, 1, 1))
    found = traced(network, (1, 3, 16, 16))
    layers = with_fields(Count(found).layers, receptive_fields(found))
    assert [layer.reach for layer in layers if layer.path == ""] == [reach]


@pytest.mark.parametrize("groups", [1, 16])
def test_a_convolution_whose_channels_are_an_axis_mixes_it(groups, traced):
    along = nn.Conv1d(16, 16, 3, padding=1, groups=groups)
    network = Made(lambda c, d, e, x: e(d(c(x)[:, 0])), conv(3, 1, 1), along, nn.Conv1d(16, 16, 1))
    assert receptive_fields(traced(network, (1, 3, 16, 16)))[""].size == (None, 5)


def test_a_mean_over_the_batch_leaves_space_alone(traced):
    network = Made(lambda c, x: c(x).max(0)[0], conv(3, 1, 1))
    assert told(receptive_fields(traced(network, (2, 3, 16, 16)))[""]) == (pair(3), pair(1), pair(1))


@pytest.mark.parametrize(
    ("network", "shape"), [(nn.Linear(4, 4), (2, 4)), (nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (2, 3, 4))]
)
def test_models_without_convolutions_have_no_fields(network, shape, traced):
    assert receptive_fields(traced(network, shape)) == {}


def test_a_layer_used_twice_tells_its_first_call(traced):
    network = Made(lambda c, x: c(c(x)), conv(3, 1, 1))
    assert receptive_fields(traced(network, (1, 3, 16, 16)))["parts.0"].size == pair(3)


def test_rows_get_whole_numbers_only(traced):
    network = nn.Sequential(conv(3, 2, 1), nn.Upsample(scale_factor=4), nn.AdaptiveAvgPool2d(1))
    count = Count(traced(network, (1, 3, 16, 16)))
    rows = {row.path: row for row in with_fields(count.layers, receptive_fields(count.trace))}
    assert (rows["0"].receptive_field, rows["0"].jump) == (pair(3), pair(2))
    assert (rows["1"].receptive_field, rows["1"].jump) == (pair(3), None)
    assert (rows["2"].receptive_field, rows["2"].jump) == (None, None)
    assert [rows[path].reach for path in "012"] == ["exact", "exact", "global"]
    assert [rows[path].offset for path in "02"] == [pair(1), None]


def trace_of(network, shape):
    """As the fixture, which a property may not use."""
    return trace(LoadedModel("model", "model", network.to("meta"), (Inputs((InputSpec(shape),)),)))


@st.composite
def layer(draw):
    """A layer of one dimension, and its all-positive linear twin with the same taps."""
    kernel, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel // 2))
    kind = draw(st.sampled_from(["conv", "conv", "pool", "average", "transposed", "nearest", "linear", "pad"]))
    if kind in ("conv", "pool"):
        weight = torch.ones(1, 1, kernel).double()
        made = nn.Conv1d(1, 1, kernel, stride, padding, dilation)
        return (made if kind == "conv" else nn.MaxPool1d(kernel, stride, padding, dilation)), lambda x: F.conv1d(
            x, weight, None, stride, padding, dilation
        )
    if kind == "average":
        made = nn.AvgPool1d(kernel, stride, padding)
        return made, made
    if kind == "transposed":
        kernel = max(kernel, stride)
        weight = torch.ones(1, 1, kernel).double()
        return nn.ConvTranspose1d(1, 1, kernel, stride, padding), lambda x: F.conv_transpose1d(
            x, weight, None, stride, padding
        )
    if kind == "pad":
        made = nn.ConstantPad1d((draw(st.integers(0, 3)), draw(st.integers(0, 3))), 0.0)
        return made, made
    made = nn.Upsample(scale_factor=stride, mode=kind)
    return made, made


@settings(max_examples=60, deadline=None)
@given(st.lists(layer(), min_size=1, max_size=5))
def test_windows_are_the_support_that_propagates_back(layers):
    size = 12_000  # five strides of 3 and spans of 13 reach 1,453 positions, twelve places on 2,916 more
    network = nn.Sequential(nn.Conv1d(1, 1, 1), *(made for made, _ in layers)).eval()
    x = torch.zeros(1, 1, size, dtype=torch.double, requires_grad=True)
    y = x
    for _, twin in layers:
        y = twin(y)
    flow = Flow(trace_of(network, (1, 1, size)))
    axes = axes_of_values(flow)
    window = axes[flow.writes[list(flow.trace.graph)[-1]][0]].reach[0].window
    middle = y.shape[-1] // 2
    for place in range(middle, middle + min(len(window.low), 12)):
        (slope,) = torch.autograd.grad(y[0, 0, place], x, retain_graph=True)
        support = slope[0, 0].nonzero().flatten()
        assert (window.low_at(place), window.high_at(place)) == (int(support[0]), int(support[-1]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3))
def test_odd_kernels_padded_by_half_meet_aligned(half, other, stride, dilation):
    def centred(half):
        return nn.Conv1d(1, 1, 2 * half + 1, stride, half * dilation, dilation)

    field = receptive_fields(trace_of(Branches(centred(half), centred(other)), (1, 1, 64)))[""]
    assert told(field) == ((2 * max(half, other) * dilation + 1,), (stride,), (max(half, other) * dilation,))
    assert field.aligned
