"""Channels are taken out of all layers that give and read them, and only where the output stays."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from analyzer.analysis import study
from analyzer.fitting.channel_removal import removed
from analyzer.fitting.networks import Batch
from analyzer.loading import from_module

X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Places:
    given: frozenset[tuple[str, int]]
    read: frozenset[tuple[str, int]]


def places(given: list[tuple[str, int]], read: list[tuple[str, int]]) -> Places:
    return Places(frozenset(given), frozenset(read))


def network(dead: int | None = 1) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 4, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    model = nn.Sequential(*layers).eval()
    if dead is not None:
        model[1].weight.data[dead], model[1].bias.data[dead] = 0, 0
        model[3].bias.data[dead] = 0
    return model


CHANNEL = places([("0", 1)], [("1", 1), ("3", 1), *(("5", place) for place in range(16, 32))])
"""Channel 1 of the first layer, with everything that reads it; flattened it lies at 16 places."""


def without(model: nn.Module, *gone: Places):
    facts = study(from_module(model, (X,), {})).model.facts
    return removed(model, facts, gone, Batch((X,), {}))


def test_a_dead_channel_goes_from_every_layer() -> None:
    model = network()
    found = without(model, CHANNEL)
    assert found is not None
    assert [tuple(found.model[index].weight.shape) for index in (0, 1, 3, 5)] == [
        (3, 3, 1, 1),
        (3,),
        (3, 1, 3, 3),
        (5, 48),
    ]
    assert set(found.units) == {"0", "1", "3", "5"}
    with torch.no_grad():
        assert torch.allclose(found.model(X), model(X), atol=1e-5)
    assert model[0].weight.shape[0] == 4


def test_a_channel_that_matters_stays() -> None:
    assert without(network(dead=None), CHANNEL) is None


@pytest.mark.parametrize("given", [[("0", 1)], [("0", channel) for channel in range(4)]])
def test_what_would_not_run_or_leaves_nothing_is_no_removal(given: list[tuple[str, int]]) -> None:
    assert without(network(), places(given, [])) is None
