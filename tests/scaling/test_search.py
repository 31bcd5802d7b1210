"""Lattices are found size by size where the first guess fails, and ranges end where the forward does something else."""

import torch
from torch import nn

from analyzer import analyze
from analyzer.values.scaling import Dimension


class Windows(nn.Module):
    """Works on windows of 6 rows, padded where they do not divide the height."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[-2] % 6))
        return self.layer(x.unflatten(-2, (-1, 6)).transpose(-1, -2))


class Branches(nn.Module):
    """Does more work on long sequences."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.exp() if x.shape[1] < 100 else x.exp().exp()


def dimension(model: nn.Module, name: str, *shape: int) -> tuple[Dimension, tuple[str, ...]]:
    scaling = analyze(model.eval(), torch.zeros(shape), symbolic=True).scaling
    assert scaling is not None
    return next(item for item in scaling.dimensions if item.name == name), tuple(end.reason for end in scaling.ends)


def test_windows_give_the_period_of_the_example() -> None:
    item, _ = dimension(Windows(), "height", 1, 3, 12, 8)
    assert (item.period, item.offset) == (12, 0)


def test_a_range_ends_where_another_operator_runs() -> None:
    item, notes = dimension(Branches(), "sequence", 1, 10, 4)
    assert 10 < item.most < 100
    assert any("aten.exp" in note and "nothing more" in note for note in notes)


def test_a_range_begins_where_layers_fit() -> None:
    item, notes = dimension(nn.Conv2d(3, 4, 7), "height", 1, 3, 16, 16)
    assert (item.least, notes) == (8, ())
