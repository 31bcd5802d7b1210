"""One copy is traced with other layers in it, and is afterwards as it was."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from tracing.test_repeating_recorder import everything

from analyzer.loading import from_module
from analyzer.rewriting import rewritten
from analyzer.rewriting.export import with_proposals
from analyzer.rewriting.swapping import restructured
from analyzer.tracing import OperatorMemo, Retracer, trace
from analyzer.values.convolution import Convolution, Linear, Proposal
from analyzer.values.errors import Problem


class Stateful(nn.Module):
    """Leaves behind what a second call would read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen = 0, []
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen.append(x)
        self.count += 1
        self.conv.weight.requires_grad_(False)
        self.head.weight.data = self.head.weight.data[:2]
        for _ in range(self.calls):
            x = torch.relu(x)
        return self.head(self.conv(x).mean((2, 3)))[:, :2] if self.calls == 9 else self.conv(x).mean((2, 3))


SMALL = Proposal((("conv", (Convolution(3, 8, (1, 1), (1, 1), (0, 0), (1, 1), input_size=(8, 8)),)),))


@pytest.mark.parametrize("owned", [False, True])
def test_every_trace_finds_the_model_as_the_first_found_it(owned):
    model = Stateful().to("meta") if owned else Stateful()
    loaded = from_module(model, (torch.randn(1, 3, 8, 8),), {})
    if owned:
        loaded = type(loaded)(**{**vars(loaded), "owned": True})
    retracer, children = Retracer(loaded), dict(model.named_modules())
    traces = [retracer.trace(lambda module: restructured(module, [SMALL]), lambda: model) for _ in range(3)]
    assert [everything(each) for each in traces] == [everything(traces[0])] * 3
    assert (model.calls, model.seen, model.conv.weight.requires_grad) == (0, [], True)
    assert model.head.weight.shape == (4, 8)
    assert dict(model.named_modules()) == children


def test_it_is_the_trace_of_the_rewritten_model():
    loaded = from_module(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(1), nn.Linear(288, 4)), (torch.randn(1, 3, 8, 8),), {}
    )
    factored = Proposal((("2", (Linear(288, 2, False), Linear(2, 4))),))
    retracer = Retracer(loaded)
    for proposals in ([factored], [], [factored]):
        found = retracer.trace(lambda module, chosen=proposals: restructured(module, chosen), lambda: loaded.module)
        assert everything(found) == everything(trace(with_proposals(loaded, proposals)))


def test_layers_are_put_back_when_the_model_no_longer_runs():
    loaded = from_module(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)), (torch.randn(1, 3, 8, 8),), {})
    retracer = Retracer(loaded)
    wrong = Proposal((("1", (Convolution(4, 8, (1, 1), (1, 1), (0, 0), (1, 1), input_size=(6, 6)),)),))
    with pytest.raises(Problem):
        retracer.trace(lambda module: restructured(module, [wrong]), lambda: rewritten(loaded.module, [wrong]).module)
    found = retracer.trace(lambda module: restructured(module, []), lambda: loaded.module)
    assert everything(found) == everything(trace(loaded))


def test_a_model_that_cannot_be_copied_is_refused_in_a_sentence():
    class Single(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("there is one")

    loaded = from_module(Single(3, 3), (torch.randn(1, 3),), {})
    with pytest.raises(Problem, match="there is one"):
        Retracer(loaded).trace(contextmanager(lambda module: iter([module])), lambda: loaded.module)


def test_a_trace_after_the_first_finds_the_model_as_the_first_did():
    class Caching(nn.Module):
        """Computes something in the first forward alone."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.cache = nn.Conv2d(3, 8, 3), {}
            self.bias = nn.Parameter(torch.zeros(8, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if "bias" not in self.cache:
                self.cache["bias"] = self.bias.exp()
            return self.conv(x) + self.cache["bias"]

    loaded = from_module(Caching().eval().to("meta"), (torch.randn(1, 3, 8, 8),), {})
    owned = type(loaded)(**{**vars(loaded), "owned": True})
    memo = OperatorMemo()
    first = trace(owned, known=memo)
    again = Retracer(owned, memo).trace(lambda module: restructured(module, []), lambda: owned.module)
    assert "aten.exp.default" in {op.name for op in first.graph}
    assert everything(again) == everything(first)
