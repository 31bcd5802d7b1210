"""Lattices are found size by size where the first guess fails, and ranges end where the forward does something else."""

import pytest
import torch
from torch import nn

from analyzer import Problem, analyze
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


class Square(nn.Module):
    """Takes square pictures only; tokens attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] == x.shape[3]
        tokens = self.patches(x).flatten(2)
        return tokens.transpose(1, 2) @ tokens


class Graph(nn.Module):
    """Features of nodes and their adjacency matrix."""

    def forward(self, nodes: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        return adjacency @ nodes


def test_sizes_that_stay_fixed_alone_are_tried_together() -> None:
    model = Square().eval()
    found = analyze(model, torch.zeros(1, 3, 32, 32), symbolic=True)
    assert found.scaling is not None
    side = found.scaling.dimensions[1]
    assert (side.names, side.period, side.axes) == (("height", "width"), 4, 2)
    assert found.at(height=96, width=96).total == analyze(model, torch.zeros(1, 3, 96, 96)).total
    assert found.at(batch=2).inputs[0].shape == (2, 3, 32, 32)
    for sizes in ({"height": 96}, {"height": 96, "width": 64}):
        with pytest.raises(Problem, match="lets height and width change only together, as in height=width=96"):
            found.at(**sizes)


def test_sizes_of_two_inputs_are_tried_together() -> None:
    found = analyze(Graph(), (torch.zeros(6, 4), torch.zeros(6, 6)), symbolic=True)
    assert found.scaling is not None
    assert found.scaling.dimensions[0].names == ("batch", "adjacency.length")
    sizes = {"batch": 9, "adjacency.length": 9, "length": 5}
    assert found.at(**sizes).total == analyze(Graph(), (torch.zeros(9, 5), torch.zeros(9, 9))).total


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
