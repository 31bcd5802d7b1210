"""Which phase of a training step an operator belongs to, and which of autograd's nodes it works for."""

from collections import Counter

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from analyzer.loading import from_module
from analyzer.tracing.training_step import follow_step
from analyzer.values.recorded_steps import StepTrace


def step(module: nn.Module, *args: torch.Tensor) -> StepTrace:
    return follow_step(from_module(module, args, {}), "sgd").step


def phases(found: StepTrace, packet: str) -> Counter[str]:
    placed = zip(found.trace.graph, found.places, strict=True)
    return Counter(place.phase for op, place in placed if op.packet == packet)


class Twice(nn.Module):
    def __init__(self, use_reentrant: bool) -> None:
        super().__init__()
        self.inner, self.use_reentrant = nn.Linear(4, 4), use_reentrant

    def forward(self, x: torch.Tensor) -> object:
        return checkpoint(lambda y: self.inner(y).relu(), self.inner(x), use_reentrant=self.use_reentrant)


def test_a_backward_works_for_the_nodes_of_its_forward() -> None:
    found = step(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), torch.rand(3, 4))
    placed = list(zip(found.trace.graph, found.places, strict=True))
    made = [place.node for op, place in placed if op.packet == "aten.addmm"]
    assert [place.node for op, place in placed if op.packet == "aten.mm"] == [made[1], made[1], made[0]]


def test_what_a_checkpoint_repeats_is_neither_forward_nor_backward() -> None:
    for use_reentrant in (False, True):
        found = step(Twice(use_reentrant), torch.rand(3, 4))
        assert phases(found, "aten.addmm") == {"forward": 2, "recompute": 1}
        assert phases(found, "aten.mm") == {"backward": 3}


def test_memory_that_autograd_gives_back_is_known_again() -> None:
    found = step(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), torch.rand(3, 4))
    tanh, tanh_backward = (
        next(op for op in found.trace.graph if op.packet == f"aten.{n}") for n in ("tanh", "tanh_backward")
    )
    assert tanh_backward.tensor("output").storage == tanh.outputs[0].storage


def test_gradients_that_were_there_stay() -> None:
    model = nn.Linear(4, 2)
    model.weight.grad = torch.ones(2, 4)
    step(model, torch.rand(3, 4))
    assert torch.equal(model.weight.grad, torch.ones(2, 4))
    assert model.bias.grad is None
