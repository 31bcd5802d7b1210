"""NaN in a channel shows which places of which layers read it."""

import pytest
import torch
from torch import nn

from analyzer.fitting.channel_readers import Readers, is_depthwise, largest_inputs, readers_of
from analyzer.fitting.networks import Batch

BATCH = Batch((torch.ones(1, 3, 4, 4),), {})


def read(model: nn.Module, *channels: int) -> list[Readers]:
    calls = {name: 1 for name, _ in model.named_modules()}
    return readers_of(model.eval(), "0", channels, BATCH, calls)


def mixing(*places: tuple[str, int]) -> Readers:
    return Readers(mixing=frozenset(places))


def test_a_convolution_reads_each_channel_at_its_own_place() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    assert read(model, 1, 3) == [mixing(("2", 1)), mixing(("2", 3))]


def test_a_normalization_and_a_depthwise_layer_keep_it_apart() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1))
    (found,) = read(model, 2)
    assert (found.apart, found.mixing) == (frozenset({("1", 2), ("2", 2)}), frozenset({("3", 2)}))
    assert found.all == found.apart | found.mixing


def test_a_flattened_channel_has_a_place_for_each_position() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(2 * 16, 5))
    assert read(model, 1) == [mixing(*(("2", place) for place in range(16, 32)))]


@pytest.mark.parametrize(
    "after", [nn.Softmax(1), nn.GroupNorm(2, 4), nn.Identity()], ids=["mixed", "not followed", "given out"]
)
def test_what_cannot_be_followed_has_no_readers(after: nn.Module) -> None:
    assert read(nn.Sequential(nn.Conv2d(3, 4, 1), after), 0) == [Readers()]


def test_hooks_are_taken_off_again() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    read(model, 0)
    largest_inputs(model, ["1"], BATCH)
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())


def test_the_largest_size_of_each_channel() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Conv2d(2, 1, 1))
    model[0].weight.data = torch.tensor([[1.0, 0, 0], [0, -2.0, 0]])[:, :, None, None]
    assert largest_inputs(model, ["1"], BATCH)["1"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(nn.Conv2d(4, 4, 3, groups=4), True), (nn.Conv2d(4, 8, 3, groups=4), False), (nn.Conv2d(1, 1, 3), False)],
)
def test_depthwise_layers(layer: nn.Module, expected: bool) -> None:
    assert is_depthwise(layer) is expected
