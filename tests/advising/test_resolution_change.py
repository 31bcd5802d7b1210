"""Sizes alone refuse changes of resolution that cannot hold; what they let through is traced."""

import pytest
import timm
import torch
from torch import nn

from analyzer.advising import advise, verification
from analyzer.advising.proofs import Proofs
from analyzer.advising.resolution_change import can_hold
from analyzer.advising.verification import kept_promises, prove
from analyzer.dataflow import facts_of
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.rules import dilate_instead_of_downsample
from analyzer.tracing import trace
from analyzer.values.absences import Absences
from analyzer.values.errors import Problem


class Pyramid(nn.Module):
    """Half the resolution and back; `meet` says what full resolution is added on the way."""

    def __init__(self, meet: str = "after") -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.body, self.up = nn.Conv2d(8, 8, 3, padding=1), nn.Upsample(scale_factor=2)
        self.aside, self.last = nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.Conv2d(8, 4, 1)
        self.meet = meet

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        x = self.first(x)
        low = self.down(x)
        low = low + nn.functional.avg_pool2d(x, 2) if self.meet == "low" else low
        low = self.body(low)
        full = self.last(self.up(low) + x)
        return (full, low) if self.meet == "returned" else full


def prices(network: nn.Module, *shape: int):
    loaded = LoadedModel("net", "net", network.eval().to("meta"), (Inputs((InputSpec(shape),)),))
    count = Count(trace(loaded))
    facts = facts_of(count.trace, count.owners, count.costs)
    return loaded, count.trace, advise(facts, rules=[dilate_instead_of_downsample])


def holds(loaded, proposal, before, item) -> bool:
    try:
        return prove(loaded, [proposal], before) == item.advice.saved
    except Problem:
        return False


@pytest.mark.parametrize(("meet", "expected"), [("after", True), ("low", False), ("returned", False)])
def test_sizes_say_what_a_trace_says(meet, expected):
    loaded, before, items = prices(Pyramid(meet), 1, 8, 16, 16)
    assert items
    for item in items:
        assert can_hold(item.proposal, before) == holds(loaded, item.proposal, before, item) == expected


@pytest.mark.parametrize("name", ["hrnet_w18_small", "edgenext_xx_small", "hgnet_tiny"])
def test_nothing_that_holds_is_refused(name, zoo_model):
    loaded, before, items = prices(zoo_model(name), 1, 3, 224, 224)
    for item in items:
        assert can_hold(item.proposal, before) >= holds(loaded, item.proposal, before, item)


def test_a_network_of_many_resolutions_needs_no_traces(zoo_model, monkeypatch):
    """Each of its 43 changes was traced."""
    monkeypatch.setattr(Proofs, "traced_with", None)
    loaded, before, items = prices(zoo_model("hrnet_w18"), 1, 3, 224, 224)
    assert len(items) > 20
    absences = Absences()
    assert kept_promises(items, Proofs(loaded, before), absences) == ()
    assert absences.found == []


def test_beyond_the_limit_they_are_left_out_and_named(monkeypatch):
    loaded, before, items = prices(Pyramid(), 1, 8, 16, 16)
    monkeypatch.setattr(verification, "MOST_PROOFS", 0)
    absences = Absences()
    assert kept_promises(items, Proofs(loaded, before), absences) == ()
    assert [(absence.what, absence.where) for absence in absences.found] == [("DIL102", "down")]
    monkeypatch.setattr(verification, "MOST_PROOFS", 1)
    assert kept_promises(items, Proofs(loaded, before), absences) == items


@pytest.fixture
def zoo_model():
    def built(name: str) -> nn.Module:
        with torch.device("meta"):
            return timm.create_model(name)

    return built
