"""Modules that add up parallel branches are found; those that do more than that are not."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import analyzer
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.values.facts import BranchSum

Forward = Callable[["Block", torch.Tensor], torch.Tensor]


def branch(kernel: int, **options: object) -> nn.Sequential:
    options = {"padding": kernel // 2, "bias": False, **options}
    return nn.Sequential(nn.Conv2d(8, 8, kernel, **options), nn.BatchNorm2d(8))  # type: ignore[arg-type]


class Block(nn.Module):
    """Three branches and an activation, used as the case says."""

    def __init__(self, forward: Forward, wide: nn.Module | None = None, **options: object) -> None:
        super().__init__()
        self.wide, self.narrow = branch(3, **options) if wide is None else wide, branch(1, **options)
        self.same = nn.BatchNorm2d(8) if forward is three else nn.Identity()
        self.act, self.use = nn.ReLU(inplace=True), forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.use(self, x)


def three(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(x) + block.same(x))


def two(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(x))


def from_zero(block: Block, x: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor | int = 0
    for part in (block.wide, block.narrow):
        total += part(x)
    return block.act(total)


def bare(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.wide(x) + block.narrow(x)


def in_the_module(block: Block, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(block.wide(x) + block.narrow(x))


def activated_before(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.wide(x) + block.act(block.narrow(x))


def in_a_row(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(block.wide(x)))


def residual(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(x) + x)


def branch_read(block: Block, x: torch.Tensor) -> torch.Tensor:
    narrow = block.narrow(x)
    return block.act(block.wide(x) + narrow) * narrow.mean()


def weighted(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(torch.add(block.wide(x), block.narrow(x), alpha=2))


def shifted(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(x) + 1)


def broadcast(block: Block, x: torch.Tensor) -> torch.Tensor:
    return block.act(block.wide(x) + block.narrow(x.mean((2, 3), keepdim=True)))


def model(*blocks: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.Conv2d(8, 4, 1))
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return net.eval()


def sums(net: nn.Module) -> tuple[BranchSum, ...]:
    found = study(from_module(net, (torch.ones(1, 3, 9, 9),), {})).model
    assert found is not None
    assert found.facts is not None
    return found.facts.branch_sums


WIDE, NARROW, SAME = ("1.wide.0", "1.wide.1"), ("1.narrow.0", "1.narrow.1"), ("1.same",)


@pytest.mark.parametrize(
    ("forward", "branches", "kept"),
    [
        (three, (WIDE, NARROW, SAME), ("1.act",)),
        (two, (WIDE, NARROW), ("1.act",)),
        (from_zero, (WIDE, NARROW), ("1.act",)),
        (bare, (WIDE, NARROW), ()),
    ],
)
def test_found(forward: Forward, branches: tuple[tuple[str, ...], ...], kept: tuple[str, ...]) -> None:
    assert sums(model(Block(forward))) == (BranchSum("1", branches, kept),)


@pytest.mark.parametrize(
    "forward",
    [in_the_module, activated_before, in_a_row, residual, branch_read, weighted, shifted, broadcast],
)
def test_left_alone(forward: Forward) -> None:
    assert sums(model(Block(forward))) == ()


def test_a_module_that_holds_more_than_it_adds_up_is_left_alone() -> None:
    block = Block(two)
    block.spare = nn.Linear(2, 2)
    assert sums(model(block)) == ()


def test_a_module_that_is_used_twice_is_left_alone() -> None:
    block = Block(three)
    assert sums(model(block, block)) == ()


CASES: dict[str, Callable[[], nn.Module]] = {
    "three": lambda: Block(three),
    "from zero": lambda: Block(from_zero),
    "no activation": lambda: Block(bare),
    "depthwise": lambda: Block(three, groups=8),
    "grouped": lambda: Block(three, groups=2),
    "strided": lambda: Block(two, stride=2),
    "dilated": lambda: Block(three, branch(3, dilation=2, padding=2)),
    "one axis": lambda: Block(three, nn.Sequential(nn.Conv2d(8, 8, (5, 1), padding=(2, 0)), nn.BatchNorm2d(8))),
    "biases and no normalization": lambda: Block(two, nn.Conv2d(8, 8, 3, padding=1)),
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_the_sum_takes_the_place_of_the_module_and_the_output_stays(make: Callable[[], nn.Module]) -> None:
    net, value = model(make()), torch.randn(2, 3, 9, 9)
    advice = [item for item in analyzer.analyze(net, value).advice if item.rule == "PAR301"]
    assert [item.path for item in advice] == ["1"]
    new = analyzer.rewrite(net, advice, value)
    kinds = [type(layer).__name__ for layer in new[1].modules() if not list(layer.children())]
    assert kinds in (["Conv2d", "ReLU"], ["Conv2d"])
    with torch.no_grad():
        assert torch.allclose(new(value), net(value), rtol=1e-4, atol=1e-5)
    assert advice[0].saved is not None
    assert advice[0].saved.params == sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in new.parameters())


def test_branches_of_other_groups_are_left_to_be_folded() -> None:
    advice = analyzer.analyze(model(Block(two, branch(3, groups=2))), torch.randn(2, 3, 9, 9)).advice
    assert [item for item in advice if item.rule == "PAR301"] == []
    assert {item.path for item in advice if item.rule == "BNM302"} == {"1.wide.0", "1.narrow.0"}


def test_branches_that_are_added_up_are_not_folded_one_by_one() -> None:
    advice = analyzer.analyze(model(Block(three)), torch.randn(2, 3, 9, 9)).advice
    assert [item.path for item in advice if item.rule == "BNM302"] == []
    split = analyzer.analyze(model(Block(residual)), torch.randn(2, 3, 9, 9)).advice
    assert {item.path for item in split if item.rule == "BNM302"} == {"1.wide.0", "1.narrow.0"}
