"""A range ends where positions are looked up that a table does not have."""

import pytest
import torch
from torch import nn

from analyzer import Problem, analyze
from analyzer.values.scaling import RangeEnd, Scaling


class Positions(nn.Module):
    """Adds the embedding of each position, `first` on, to those of tokens."""

    def __init__(self, rows: int, first: int = 0, counted: str = "arange") -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 4), nn.Embedding(rows, 4)
        self.first, self.counted = first, counted

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.counted == "arange":
            places = torch.arange(tokens.shape[1]) + self.first
        else:
            mask = torch.ones(tokens.shape, dtype=torch.long)
            places = (mask.cumsum(1) * mask).long() - 1 + self.first
        found: torch.Tensor = self.tokens(tokens) + self.positions(places)
        return found


def scaling(model: nn.Module) -> Scaling:
    found = analyze(model.eval(), torch.zeros(2, 12, dtype=torch.long), symbolic=True).scaling
    assert found is not None
    return found


@pytest.mark.parametrize("counted", ["arange", "cumsum"])
@pytest.mark.parametrize(("rows", "first", "most"), [(1024, 0, 1024), (1026, 2, 1024), (1000, 1, 999)])
def test_the_range_ends_with_the_table(rows: int, first: int, most: int, counted: str) -> None:
    found = scaling(Positions(rows, first, counted))
    assert found.dimensions[1].most == most
    (end,) = found.ends
    said = f"at sequence={most + 1} positions are looked up beyond a table of {rows:,} rows in layer `positions` ("
    assert end.reason.startswith(said)


def test_a_longer_sequence_is_refused_with_the_reason() -> None:
    found = scaling(Positions(1024))
    with pytest.raises(
        Problem, match="hold from 1 to 1024, for at sequence=1025 positions are looked up beyond a table"
    ):
        found.point({"sequence": 1025})


class Buckets(nn.Module):
    """Looks up distances that are cut to the table, and the tokens themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.distances = nn.Embedding(50, 4), nn.Embedding(8, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1])
        found: torch.Tensor = self.tokens(tokens) + self.distances(places.clamp(max=7)) + self.distances(places % 8)
        return found


def test_positions_that_stay_in_the_table_end_nothing() -> None:
    assert scaling(Buckets()).ends == ()


def test_a_table_that_grows_with_the_sequence_ends_nothing() -> None:
    class Reordered(nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens.index_select(1, torch.arange(tokens.shape[1]))

    ends: tuple[RangeEnd, ...] = scaling(Reordered()).ends
    assert ends == ()
