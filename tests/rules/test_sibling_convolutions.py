import pytest
import torch
from torch import nn

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rules.sibling_convolutions import propose_all
from analyzer.values.convolution import PartOf
from analyzer.values.devices import device_for
from analyzer.values.facts import BranchSum
from analyzer.values.requests import AnalysisOptions

PAIR = (("filter", "gate"),)
LEFT_ALONE = {
    "other tensors": {"siblings": ()},
    "another kernel": {"gate": {"kernel": 1}},
    "another stride": {"gate": {"stride": 2}},
    "another dilation": {"gate": {"dilation": 2}},
    "grouped": {"gate": {"groups": 2}},
    "transposed": {"gate": {"transposed": True}},
    "not plain": {"gate": {"is_plain": False}},
    "added up": {"branch_sums": (BranchSum("block", (("filter",), ("gate",))),)},
}


def proposals(layer, model, gate=None, siblings=PAIR, **given):
    layers = layer("filter"), layer("gate", **(gate or {}))
    return list(propose_all(model(*layers, siblings=siblings, **given)))


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert proposals(layer, model, **given) == []


def test_a_filter_and_its_gate_become_one(layer, model):
    ((path, proposal),) = proposals(layer, model, gate={"out_channels": 32})
    assert path == "filter"
    (first, (merged,)), (second, (part,)) = proposal.replacements
    assert (first, second) == ("filter", "gate")
    assert (merged.in_channels, merged.out_channels) == (64, 64 + 32)
    assert part == PartOf("filter", 64, 64 + 32)


class Gated(nn.Module):
    """As a layer of WaveNet."""

    def __init__(self, shared):
        super().__init__()
        self.filter, self.gate, self.shared = nn.Conv1d(32, 32, 2), nn.Conv1d(32, 32, 2), shared

    def forward(self, x):
        other = x if self.shared else x + 1
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(other))


@pytest.mark.parametrize(
    ("shared", "device", "said"), [(True, "a100-fp16", 1), (True, "laptop-core", 0), (False, "laptop-core", 0)]
)
def test_it_is_offered_where_the_device_gains(shared, device, said):
    options = AnalysisOptions(device=device_for(device))
    found = study(from_module(Gated(shared).eval(), (torch.ones(1, 32, 400),), {}), options).model
    assert found.facts.siblings == (PAIR if shared else ())
    assert len([item for item in found.advised if item.advice.rule == "SIB301"]) == said
