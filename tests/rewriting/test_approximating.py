"""Chains come nearest to a kernel: exact where its rank allows it, off by the singular values that are left out."""

import pytest
import torch
from torch import nn

from analyzer.rewriting.approximating import approximate, factor_linear


def conv(inputs, outputs, kernel=1, groups=1, bias=False):
    sizes = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = tuple(size // 2 for size in sizes)
    return nn.Conv2d(inputs, outputs, sizes, padding=padding, groups=groups, bias=bias).double()


CHAINS = {
    "channels of full rank": (conv(4, 6), lambda: (conv(4, 4), conv(4, 6))),
    "spatial of full rank": (conv(4, 6, 3), lambda: (conv(4, 12, (3, 1)), conv(12, 6, (1, 3)))),
    "every depthwise term": (conv(4, 6, 3), lambda: (conv(4, 24, 3, groups=4), conv(24, 6))),
    "every term of every output": (conv(4, 6, 3), lambda: (conv(4, 24), conv(24, 6, 3, groups=6))),
    "Tucker-2 of full ranks": (conv(4, 6, 3), lambda: (conv(4, 4), conv(4, 6, 3), conv(6, 6))),
}


@pytest.mark.parametrize(("old", "make"), CHAINS.values(), ids=CHAINS.keys())
@torch.no_grad()
def test_a_chain_with_room_for_all_ranks_is_exact(old, make):
    torch.manual_seed(0)
    nn.init.normal_(old.weight)
    chain = make()
    assert approximate(old.weight, None, old, chain)
    x = torch.randn(2, 4, 8, 8, dtype=torch.double)
    assert torch.allclose(nn.Sequential(*chain)(x), old(x), atol=1e-9)


@torch.no_grad()
def test_what_a_rank_leaves_out_are_the_smallest_singular_values():
    torch.manual_seed(0)
    old, chain = conv(8, 8), (conv(8, 3), conv(3, 8))
    nn.init.normal_(old.weight)
    assert approximate(old.weight, None, old, chain)
    product = chain[1].weight.flatten(1) @ chain[0].weight.flatten(1)
    left_out = torch.linalg.svdvals(old.weight.flatten(1))[3:].square().sum().sqrt()
    assert float((old.weight.flatten(1) - product).norm()) == pytest.approx(float(left_out), rel=1e-9)


@torch.no_grad()
def test_the_bias_goes_to_the_last_layer_that_has_one():
    old, chain = conv(4, 6, bias=True), (conv(4, 4), conv(4, 6, bias=True))
    assert approximate(old.weight, old.bias, old, chain)
    assert torch.equal(chain[1].bias, old.bias)


def test_two_grouped_neighbours_are_no_way():
    old = conv(4, 4, 3)
    assert not approximate(old.weight.detach(), None, old, (conv(4, 4, 3, groups=2), conv(4, 4, groups=2)))


@torch.no_grad()
def test_two_linear_layers_come_nearest_to_one():
    torch.manual_seed(0)
    old = nn.Linear(6, 5)
    whole = nn.Sequential(nn.Linear(6, 5, bias=False), nn.Linear(5, 5))
    assert factor_linear(old, whole)
    x = torch.randn(3, 6)
    assert torch.allclose(whole(x), old(x), atol=1e-5)
    assert not factor_linear(old, nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5)))
