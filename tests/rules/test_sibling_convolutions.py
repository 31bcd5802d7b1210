import pytest
import torch
from torch import nn

from analyzer.analysis import study
from analyzer.formats.wording.rule_words import words
from analyzer.loading import from_module
from analyzer.rules.sibling_convolutions import observe
from analyzer.values.facts import BranchSum

PAIR = (("filter", "gate"),)
LEFT_ALONE = {
    "other tensors": {"siblings": ()},
    "another kernel": {"gate": {"kernel": 1}},
    "another stride": {"gate": {"stride": 2}},
    "another dilation": {"gate": {"dilation": 2}},
    "grouped": {"gate": {"groups": 2}},
    "transposed": {"gate": {"transposed": True}},
    "not plain": {"gate": {"is_plain": False}},
    "a small input": {"gate": {"out_channels": 640}},
    "added up": {"branch_sums": (BranchSum("block", (("filter",), ("gate",))),)},
}


def findings(layer, model, gate=None, siblings=PAIR, **given):
    layers = layer("filter"), layer("gate", **(gate or {}))
    return list(observe(model(*layers, siblings=siblings, **given)))


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert findings(layer, model, **given) == []


def test_a_filter_and_its_gate_could_be_one(layer, model):
    (finding,) = findings(layer, model, gate={"out_channels": 32})
    said = "reads the same tensor as gate: one convolution to 96 channels, split afterwards, does the same"
    assert (finding.path, words(finding.current)) == ("filter", said)
    read, written = 64 * 32 * 32, 96 * 30 * 30
    share = read / (2 * read + written + 96 * 64 * 9)
    assert tuple(map(words, finding.notes)) == (f"that moves {100 * share:.1f} % fewer bytes",)


class Gated(nn.Module):
    """As a layer of WaveNet."""

    def __init__(self, shared):
        super().__init__()
        self.filter, self.gate, self.shared = nn.Conv1d(32, 32, 2), nn.Conv1d(32, 32, 2), shared

    def forward(self, x):
        other = x if self.shared else x + 1
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(other))


@pytest.mark.parametrize("shared", [True, False])
def test_siblings_are_told_by_the_tensor_that_they_read(shared):
    found = study(from_module(Gated(shared).eval(), (torch.ones(1, 32, 400),), {})).model
    said = [item.advice.path for item in found.advised if item.advice.rule == "SIB201"]
    assert found.facts.siblings == (PAIR if shared else ())
    assert said == (["filter"] if shared else [])


@pytest.mark.parametrize("block", ["", "blocks.0.", "blocks.1.", "stages.0.blocks.12."])
def test_blocks_that_are_alike_are_told_alike(layer, model, block):
    paths = (f"{block}filter.conv", f"{block}gate.0.conv")
    found = list(observe(model(*(layer(path, in_channels=256, out_channels=16) for path in paths), siblings=(paths,))))
    assert [finding.path for finding in found] == [f"{block}filter.conv"]
    assert words(found[0].current).startswith("reads the same tensor as gate.0.conv: one convolution to 32 channels")
