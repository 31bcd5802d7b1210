"""Whose channels a layer reads, and where their order matters to others."""

import pytest
import torch
from torch import nn

from analyzer.dataflow.channels.channel_provenance import channels
from analyzer.dataflow.channels.neighbours import direct_convolutions
from analyzer.dataflow.flow import Flow


class Net(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.way = forward

    def forward(self, x):
        return self.way(self, x)


@pytest.fixture
def followed(traced):
    def of(forward):
        flow = Flow(traced(Net(forward), (1, 3, 8, 8)))
        return channels(flow, {op: path for path, ops in direct_convolutions(flow).items() for op in ops})

    return of


def test_channels_come_from_the_layer_before_through_what_keeps_them_apart(followed):
    found = followed(lambda net, x: net.c(torch.relu(net.a(x))))
    assert (list(found.sources["c"]), found.stems, found.shared) == (["a"], {"a"}, set())


def test_an_addition_shares_the_order_of_both(followed):
    found = followed(lambda net, x: net.c(net.a(x) + net.b(x)))
    assert found.sources["c"].keys() == {"a", "b"}
    assert found.shared == {"a", "b"}


def test_a_split_divides_the_channels(followed):
    found = followed(lambda net, x: torch.cat([part.relu() for part in net.a(x).chunk(2, 1)], 1))
    assert found.divided == {"a"}


def test_flattened_channels_are_not_followed(followed):
    found = followed(lambda net, x: net.a(x).flatten(1))
    assert "a" not in found.divided
    assert found.sources["a"] == {}


def test_channels_are_followed_to_where_a_permutation_puts_them(followed):
    found = followed(lambda net, x: net.c(net.a(x).permute(0, 2, 3, 1).relu().permute(0, 3, 1, 2)))
    assert list(found.sources["c"]) == ["a"]


def test_a_mean_over_channels_ends_them(followed):
    found = followed(lambda net, x: net.c(net.a(x).mean(1, keepdim=True).expand(-1, 4, -1, -1)))
    assert list(found.sources["c"]) == []
