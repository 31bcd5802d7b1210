"""Other counters' numbers, and what accounts for every difference."""

import pytest
import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading import LoadedModel, from_module, load
from analyzer.reconciliation import reconcile
from analyzer.tracing import trace
from analyzer.values.requests import ModelRequest
from analyzer.values.results import FamilyDifference, SecondOpinion


def opinions(loaded: LoadedModel) -> tuple[int, list[SecondOpinion]]:
    count = Count(trace(loaded))
    return count.total.macs or 0, list(reconcile(loaded, count.trace, count.costs))


def accounted(opinion: SecondOpinion) -> int:
    """Theirs minus ours, summed over the families that differ."""
    return sum(item.theirs - item.ours for item in opinion.differences)


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10)).eval()


def test_differences_are_accounted_for_to_the_integer() -> None:
    model = nn.Sequential(
        small(), nn.Unflatten(1, (5, 2)), nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)
    ).eval()
    ours, found = opinions(from_module(model, (torch.randn(2, 3, 6, 6),), {}))
    for opinion in found:
        assert opinion.macs is not None, opinion.reason
        assert opinion.macs - ours == accounted(opinion)


def test_fvcore_adds_normalization() -> None:
    ours, (by_torch, by_fvcore) = opinions(from_module(small(), (torch.randn(2, 3, 6, 6),), {}))
    assert ours == 2 * (8 * 27 * 16 + 8 * 16 * 10)
    assert (by_torch.macs, by_torch.differences) == (ours, ())
    assert by_fvcore.macs == ours + 2 * 2 * 8 * 16
    assert by_fvcore.differences == (FamilyDifference("normalization", 2 * 2 * 8 * 16, 0),)


def test_torchvisions_number_is_quoted() -> None:
    loaded = load(ModelRequest("torchvision:squeezenet1_1"))
    assert isinstance(loaded, LoadedModel)
    published = opinions(loaded)[1][-1]
    assert (published.macs, published.decimals) == (349_000_000, 3)


@pytest.mark.parametrize("kwargs", [{"x": torch.randn(2, 3, 6, 6)}])
def test_a_counter_that_cannot_count_says_why(kwargs: dict[str, torch.Tensor]) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = small()

        def forward(self, *, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)

    by_fvcore = opinions(from_module(Named(), (), kwargs))[1][1]
    assert by_fvcore.macs is None
    assert by_fvcore.reason == "TypeError: it takes positional arguments only"
