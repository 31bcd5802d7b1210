"""Weights are carried over: exactly where the proposal is exact, else as near as algebra allows."""

import pytest
import torch
from torch import nn

from analyzer.rewriting import rewritten
from analyzer.values.convolution import BatchNorm, ChannelShuffle, Convolution, Identity, Proposal, ReLU
from analyzer.values.errors import Problem


def conv(inputs: int, outputs: int, kernel: int = 1, **options: object) -> Convolution:
    settings = {"stride": (1, 1), "padding": (kernel // 2,) * 2, "dilation": (1, 1), **options}
    return Convolution(inputs, outputs, (kernel, kernel), **settings)  # type: ignore[arg-type]


def settled(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """With statistics as after training."""
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(tensor)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return norm


def test_a_bias_before_a_normalization_moves_into_its_mean() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), settled(nn.BatchNorm2d(8))).eval()
    proposal = Proposal((("0", (conv(3, 8, 3),)), ("1", (BatchNorm(8, 2),))))
    result = rewritten(model, [proposal])
    x = torch.randn(2, 3, 9, 9)
    assert result.module[0].bias is None
    assert model[0].bias is not None
    assert torch.allclose(result.module(x), model(x), atol=1e-5)
    assert result.errors == {"0": pytest.approx(0, abs=1e-6)}


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 8, 3, bias=False), nn.Conv2d(6, 8, 3, groups=2)])
def test_a_normalization_folds_into_its_convolution(layer: nn.Conv2d) -> None:
    model = nn.Sequential(layer, settled(nn.BatchNorm2d(8, eps=1e-3))).eval()
    unit = conv(6, 8, 3, padding=(0, 0), groups=layer.groups, bias=True)
    result = rewritten(model, [Proposal((("0", (unit,)), ("1", (Identity(),))))])
    x = torch.randn(2, 6, 9, 9)
    assert isinstance(result.module[1], nn.Identity)
    assert torch.allclose(result.module(x), model(x), atol=1e-5)


def test_a_normalization_folds_into_a_transposed_convolution() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(6, 8, 2, stride=2, groups=2), settled(nn.BatchNorm2d(8))).eval()
    unit = conv(6, 8, 2, padding=(0, 0), stride=(2, 2), groups=2, bias=True, transposed=True)
    result = rewritten(model, [Proposal((("0", (unit,)), ("1", (Identity(),))))])
    x = torch.randn(2, 6, 5, 5)
    assert torch.allclose(result.module(x), model(x), atol=1e-5)


def test_pointwise_convolutions_collapse_to_their_product() -> None:
    model = nn.Sequential(nn.Conv2d(6, 20, 1), nn.Conv2d(20, 5, 1)).eval()
    result = rewritten(model, [Proposal((("0", (conv(6, 5, bias=True),)), ("1", (Identity(),))))])
    x = torch.randn(2, 6, 7, 7)
    assert torch.allclose(result.module(x), model(x), atol=1e-5)


def test_exact_proposals_stay_near_in_half_precision() -> None:
    """bfloat16 keeps 8 bits: about 1 in 256 of what the layer gives."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), settled(nn.BatchNorm2d(8))).eval().bfloat16()
    unit = conv(3, 8, 3, padding=(0, 0), bias=True)
    result = rewritten(model, [Proposal((("0", (unit,)), ("1", (Identity(),))))])
    assert result.module[0].weight.dtype is torch.bfloat16
    assert result.errors["0"] < 2 / 256


def separable_pair(order: str, stride: int = 1, **options: object) -> tuple[Convolution, ...]:
    spatial = {"stride": (stride, stride), **options}
    if order == "depthwise first":
        return conv(6, 6, 3, groups=6, **spatial), conv(6, 8, bias=True)
    return conv(6, 8), conv(8, 8, 3, groups=8, bias=True, **spatial)


@pytest.mark.parametrize("order", ["depthwise first", "pointwise first"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_separable_kernel_is_separated_exactly(order: str, stride: int, transposed: bool) -> None:
    units = separable_pair(order, stride, transposed=transposed)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(6, 8, 3, stride=stride, padding=1)
    taps, mixing = torch.randn(6 if order == "depthwise first" else 8, 3, 3), torch.randn(8, 6)
    kernel = mixing[:, :, None, None] * (taps[None] if order == "depthwise first" else taps[:, None])
    layer.weight.data = kernel.transpose(0, 1).contiguous() if transposed else kernel
    result = rewritten(nn.Sequential(layer), [Proposal((("0", units),))])
    assert result.errors == {"0": pytest.approx(0, abs=1e-5)}
    assert result.fresh == ()


def test_the_error_of_a_separation_is_the_energy_of_the_dropped_terms() -> None:
    """1 - sum of the largest squared singular values over all: Eckart and Young, channel by channel."""
    layer = nn.Conv2d(16, 32, 3, padding=1, bias=False)
    units = (conv(16, 16, 3, groups=16), conv(16, 32))
    result = rewritten(nn.Sequential(layer), [Proposal((("0", units),))])
    values = torch.linalg.svdvals(layer.weight.detach().transpose(0, 1).reshape(16, 32, 9))
    lost = 1 - (values[:, 0] ** 2).sum() / (values**2).sum()
    assert result.errors["0"] == pytest.approx(lost.sqrt().item(), rel=0.05)


def test_more_terms_come_nearer_until_nothing_is_lost() -> None:
    layer = nn.Conv2d(4, 16, 3, padding=1)
    errors = []
    for terms in (1, 4, 9):
        units = (conv(4, 4 * terms, 3, groups=4), conv(4 * terms, 16, bias=True))
        errors.append(rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).errors["0"])
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-5


@pytest.mark.parametrize(("rank", "exact"), [(12, True), (2, False)])
def test_a_spatial_split_is_a_decomposition_of_the_whole_kernel(rank: int, exact: bool) -> None:
    layer = nn.Conv2d(4, 8, 3, stride=2, padding=1)
    units = (
        Convolution(4, rank, (3, 1), (2, 1), (1, 0), (1, 1)),
        Convolution(rank, 8, (1, 3), (1, 2), (0, 1), (1, 1), bias=True),
    )
    error = rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).errors["0"]
    assert (error < 1e-5) is exact


def test_a_bottleneck_of_full_rank_is_exact_and_a_narrow_one_is_not() -> None:
    layer = nn.Conv2d(6, 8, 3, padding=1)
    errors = []
    for first, second in ((6, 8), (3, 4)):
        units = (conv(6, first), conv(first, second, 3), conv(second, 8, bias=True))
        errors.append(rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).errors["0"])
    assert errors[0] < 1e-5 < 0.1 < errors[1]


def test_a_dilated_kernel_keeps_the_taps_on_its_grid() -> None:
    layer = nn.Conv2d(4, 8, 7, padding=3)
    unit = conv(4, 8, 3, padding=(3, 3), dilation=(3, 3), bias=True)
    result = rewritten(nn.Sequential(layer), [Proposal((("0", (unit,)),))])
    assert torch.equal(result.module[0].weight, layer.weight[:, :, ::3, ::3])
    assert torch.equal(result.module[0].bias, layer.bias)


@pytest.mark.parametrize("shuffled", [False, True])
def test_groups_keep_the_blocks_that_they_can_hold(shuffled: bool) -> None:
    layer = nn.Conv2d(8, 12, 1)
    units = (conv(8, 12, groups=4, bias=True), *((ChannelShuffle(4),) if shuffled else ()))
    kept = torch.zeros(12, 8)
    for output in range(12):
        group = output % 4 if shuffled else output // 3
        kept[output, group * 2 : group * 2 + 2] = 1
    expected = nn.Conv2d(8, 12, 1)
    expected.weight.data, expected.bias.data = layer.weight.data * kept[:, :, None, None], layer.bias.data
    result = rewritten(nn.Sequential(layer), [Proposal((("0", units),))])
    x = torch.randn(2, 8, 5, 5)
    assert torch.allclose(result.module(x), expected(x), atol=1e-6)


def test_a_stack_of_small_kernels_starts_fresh() -> None:
    layer = nn.Conv2d(4, 8, 5, padding=2)
    units = (conv(4, 8, 3), conv(8, 8, 3, bias=True))
    assert rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).fresh == ("0",)


def test_normalization_between_starts_as_the_identity() -> None:
    layer = nn.Conv2d(6, 8, 3, padding=1)
    units = (conv(6, 54, 3, groups=6), BatchNorm(54, 2), conv(54, 8, bias=True))
    assert rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).errors["0"] < 1e-4


def test_an_activation_between_shows_in_the_error() -> None:
    layer = nn.Conv2d(6, 8, 3, padding=1)
    units = (conv(6, 54, 3, groups=6), ReLU(), conv(54, 8, bias=True))
    assert rewritten(nn.Sequential(layer), [Proposal((("0", units),))]).errors["0"] > 0.1


def test_a_module_without_values_has_nothing_to_carry() -> None:
    model = nn.Sequential(nn.Conv2d(6, 8, 3, device="meta"))
    with pytest.raises(Problem, match="no values to carry over"):
        rewritten(model, [Proposal((("0", (conv(6, 8, 3, groups=2),)),))])


def test_a_replacement_of_another_shape_is_refused() -> None:
    with pytest.raises(Problem, match="gives"):
        rewritten(nn.Sequential(nn.Conv2d(6, 8, 3)), [Proposal((("0", (conv(6, 8, 3, groups=2),)),))])


def test_one_and_three_dimensions_are_alike() -> None:
    audio, video = nn.Conv1d(4, 6, 9, padding=4), nn.Conv3d(3, 4, 3, padding=1)
    ones = {"stride": (1,), "dilation": (1,)}
    pair = (
        Convolution(4, 36, (9,), padding=(4,), groups=4, **ones),
        Convolution(36, 6, (1,), padding=(0,), bias=True, **ones),
    )
    triple = tuple(
        Convolution(a, b, kernel, (1,) * 3, tuple(k // 2 for k in kernel), (1,) * 3, bias=b == 4)
        for a, b, kernel in ((3, 9, (3, 1, 1)), (9, 12, (1, 3, 1)), (12, 4, (1, 1, 3)))
    )
    assert rewritten(nn.Sequential(audio), [Proposal((("0", pair),))]).errors["0"] < 1e-5
    assert rewritten(nn.Sequential(video), [Proposal((("0", triple),))]).errors["0"] < 1e-5


def test_layers_that_only_change_their_steps_keep_their_weights() -> None:
    """Stride undone, dilation in its place, upsampling gone: the resolution differs, so no error is stated."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 3, padding=1), nn.Upsample(None, 2))
    units = conv(3, 4, 3, bias=True), conv(4, 5, 3, padding=(2, 2), dilation=(2, 2), bias=True)
    proposal = Proposal((("0", units[:1]), ("1", units[1:]), ("2", (Identity(),))))
    result = rewritten(model, [proposal])
    assert torch.equal(result.module[1].weight, model[1].weight)
    assert (result.errors, result.fresh) == ({}, ())
    x = torch.randn(1, 3, 12, 12)
    assert torch.allclose(result.module(x)[..., ::2, ::2], model(x)[..., ::2, ::2], atol=1e-6)
