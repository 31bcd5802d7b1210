"""Other counters' numbers, and what accounts for every difference."""

import pytest
import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading import LoadedModel, from_module, load
from analyzer.reconciliation import PREDICTED, reconcile
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
    ours, (by_torch, by_fvcore, *_) = opinions(from_module(small(), (torch.randn(2, 3, 6, 6),), {}))
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


def test_fvcore_is_given_by_position_what_has_a_position() -> None:
    ours, found = opinions(from_module(small(), (), {"input": torch.randn(2, 3, 6, 6)}))
    assert found[1].macs == ours + 2 * 2 * 8 * 16


def test_predictions_need_none_of_the_counters_and_their_causes_add_up() -> None:
    ours, found = opinions(from_module(small(), (torch.randn(2, 3, 6, 6),), {}))
    told = {opinion.counter: opinion for opinion in found if opinion.predicted}
    assert len(told) == 2 + len(PREDICTED)
    for opinion in told.values():
        assert opinion.macs is not None, opinion.reason
        assert opinion.macs - ours == accounted(opinion)
    # Products and their biases at 16 positions, and those of the classifier.
    assert told["ptflops 0.7.5 (aten)"].macs == ours + 2 * (8 * 16 + 10)


def test_a_forward_that_fails_in_evaluation_has_no_predictions() -> None:
    class TrainsOnly(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                raise ValueError("not trained yet")
            return super().forward(x)

    found = opinions(from_module(TrainsOnly(4, 4), (torch.rand(2, 4),), {}))[1]
    told = [opinion for opinion in found if opinion.predicted]
    assert [opinion.macs for opinion in told] == [None] * (2 + len(PREDICTED))
    assert all("not trained yet" in opinion.reason for opinion in told)


def test_a_frozen_attention_layer_hides_work_from_all_that_see_operators_or_functions() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).requires_grad_(False).eval()
    told = {opinion.counter: opinion for opinion in opinions(from_module(layer, (torch.rand(2, 3, 8),), {}))[1]}
    unknown = [name for name, opinion in told.items() if opinion.predicted and opinion.macs is None]
    assert [name.partition(" ")[0] for name in unknown] == [
        *("DeepSpeed", "calflops", "ptflops", "ptflops", "torchprofile"),
    ]
