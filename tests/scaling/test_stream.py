"""A trace comes apart into a structure and integers, and together again."""

import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.scaling.stream import first_difference, op_of, stream_of
from analyzer.tracing import trace


def counted(model: nn.Module, *shape: int) -> Count:
    return Count(trace(from_module(model.eval(), (torch.zeros(shape),), {})))


def test_operators_come_together_again() -> None:
    count = counted(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2.0), nn.Dropout(0.5)), 2, 3, 8, 8)
    stream = stream_of(count)
    kept = [op for op in count.trace.graph if op.name == stream.operators[0][0]]
    again = op_of(stream.operators[0], stream.integers[0], stream.fractions[0])
    assert (again.name, again.layer, again.tags) == (kept[0].name, kept[0].layer, kept[0].tags)
    assert [tensor.shape for tensor in again.inputs] == [tensor.shape for tensor in kept[0].inputs]
    assert again.integers("stride") == kept[0].integers("stride")


def test_views_are_left_out_and_copies_are_not() -> None:
    class Moves(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(2, -1).t().contiguous()

    stream = stream_of(counted(Moves(), 2, 3, 4))
    assert [operator[0] for operator in stream.operators] == ["aten.clone.default"]
    assert stream.memory == ((0, None),)


def test_sizes_make_no_difference_and_operators_do() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.layer(x)) if len(x) < 10 else torch.tanh(self.layer(x))

    small, medium, large = (stream_of(counted(Branches(), size, 4)) for size in (2, 3, 20))
    assert first_difference(small, medium) is None
    difference = first_difference(small, large)
    assert difference is not None
    assert (difference.here, difference.there) == ("aten.relu", "aten.tanh")
