"""Modules that no output depends on: never called, or called in vain."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
import torch
from torch import nn

import analyzer
from analyzer.analysis import study
from analyzer.dataflow import facts_of
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.values.facts import RemovableModule


class Net(nn.Module):
    """`body`, and `aux` used as the case says."""

    def __init__(self, use: Callable[["Net", torch.Tensor], object], aux: nn.Module | None = None) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.aux = nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU(), nn.Linear(8, 8)) if aux is None else aux
        self.use = use

    def forward(self, x: torch.Tensor) -> object:
        return self.use(self, self.body(x))


def in_training(net: Net, y: torch.Tensor) -> object:
    return (y, net.aux(y)) if net.training else y


def in_vain(net: Net, y: torch.Tensor) -> object:
    net.aux(y).mean()
    return y


def added(net: Net, y: torch.Tensor) -> object:
    return y + net.aux(y).mean()


def returned(net: Net, y: torch.Tensor) -> object:
    return {"out": y, "aux": net.aux(y)}


def weight_read(net: Net, y: torch.Tensor) -> object:
    return y * net.aux[0].weight.mean()


def indexed(net: Net, y: torch.Tensor) -> object:
    return net.aux[0](y) if len(net.aux) == 3 else y


def conv() -> nn.Module:
    return nn.Conv2d(4, 8, 1)


PARAMS = 4 * 8 + 8 + 8 * 8 + 8


def removable(net: nn.Module) -> tuple[RemovableModule, ...]:
    found = study(from_module(net.eval(), (torch.ones(1, 3, 6, 6),), {})).model
    assert found is not None
    assert found.facts is not None
    return found.facts.removable


def test_a_head_that_only_training_uses_is_found_as_a_whole() -> None:
    assert removable(Net(in_training)) == (RemovableModule("aux", "Sequential", PARAMS, 0, False),)


def test_a_module_whose_result_is_dropped_is_found_with_its_work() -> None:
    work = 4 * 4 * 4 * 8
    assert removable(Net(in_vain, conv())) == (RemovableModule("aux", "Conv2d", 4 * 8 + 8, work, True),)


def test_of_a_list_its_parts_are_found() -> None:
    parts = nn.ModuleList([conv(), conv()])
    assert [module.path for module in removable(Net(lambda _, y: y, parts))] == ["aux.0", "aux.1"]


def test_of_a_module_that_is_used_in_part_the_rest_is_found() -> None:
    assert [module.path for module in removable(Net(indexed))] == ["aux.2"]


class Shared(Net):
    def __init__(self) -> None:
        super().__init__(in_training, nn.Conv2d(3, 4, 3))
        self.aux.weight = self.body.weight


@pytest.mark.parametrize(
    "net",
    [
        Net(added, conv()),
        Net(returned, conv()),
        Net(weight_read, nn.Sequential(conv())),
        Net(lambda net, y: net.aux(y), conv()),
        Net(in_training, nn.ReLU()),
        Shared(),
        nn.Sequential(nn.Conv2d(3, 4, 3)),
    ],
    ids=["added", "returned", "weight read", "used", "nothing in it", "shared", "plain"],
)
def test_left_alone(net: nn.Module) -> None:
    assert removable(net) == ()


def test_attention_uses_its_output_layer_without_calling_it() -> None:
    attention = nn.TransformerEncoderLayer(8, 2, batch_first=True).eval()
    found = study(from_module(attention, (torch.ones(1, 5, 8),), {})).model
    assert found is not None
    assert found.facts is not None
    assert found.facts.removable == ()


@pytest.mark.parametrize(("use", "aux"), [(in_training, None), (in_vain, conv())])
def test_what_is_removed_is_gone_and_the_output_stays(use: Callable[..., object], aux: nn.Module | None) -> None:
    net, value = Net(use, aux).eval(), torch.randn(1, 3, 6, 6)
    (advice,) = (item for item in analyzer.analyze(net, value).advice if item.rule == "RUN301")
    new = analyzer.rewrite(net, [advice], value)
    assert isinstance(new.aux, nn.Identity)
    assert torch.equal(new(value), net(value))
    assert advice.saved is not None
    assert advice.saved.params == sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in new.parameters())
    assert advice.current == f"{type(net.aux).__name__}(...)"
    assert advice.proposed == "nn.Identity()"


def test_what_the_forward_asks_for_by_its_kind_is_not_said() -> None:
    net = Net(lambda net, y: y * 2 if isinstance(net.aux, nn.Conv2d) else y, conv()).eval()
    assert [item for item in analyzer.analyze(net, torch.ones(1, 3, 6, 6)).advice if item.rule == "RUN301"] == []


def test_the_auxiliary_heads_of_googlenet_are_half_of_it() -> None:
    from torchvision.models import googlenet

    with torch.device("meta"):
        net = googlenet(weights=None, init_weights=False).eval()
    found = removable_on_meta(net)
    assert [module.path for module in found] == ["aux1", "aux2"]
    whole = sum(parameter.numel() for parameter in net.parameters())
    assert 0.485 < sum(module.params for module in found) / whole < 0.495


def removable_on_meta(net: nn.Module) -> tuple[RemovableModule, ...]:
    found = study(from_module(net, (torch.empty(1, 3, 224, 224, device="meta"),), {})).model
    assert found is not None
    assert found.facts is not None
    assert {item.advice.path for item in found.advised if item.advice.rule == "RUN301"} == {"aux1", "aux2"}
    return found.facts.removable


class Branched(nn.Module):
    """A sum of two convolutions, activated."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.act = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.one(x) + self.other(x))


class Grown(nn.Module):
    """Blocks, and as many layers that are never called."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(Branched() for _ in range(blocks)))
        self.spare = nn.ModuleList(nn.Linear(4, 4) for _ in range(blocks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)  # type: ignore[no-any-return]


def calls_of(function: Callable[[], object]) -> int:
    """How many functions are called, those of the interpreter among them."""
    calls = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def test_four_times_the_blocks_take_about_four_times_as_long() -> None:
    found = []
    for blocks in (10, 40):
        count = Count(trace(from_module(Grown(blocks), (torch.randn(1, 4, 8, 8),), {})))
        owners, costs = count.owners, count.costs
        facts = facts_of(count.trace, owners, costs, fields={})
        assert len(facts.branch_sums) == len(facts.removable) == blocks
        found.append(calls_of(lambda: facts_of(count.trace, owners, costs, fields={})))  # noqa: B023
    assert found[1] < 5 * found[0]
