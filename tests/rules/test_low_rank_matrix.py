import pytest
import torch
from torch import nn

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.analysis import study
from analyzer.formats.wording.rule_words import choice_words, words
from analyzer.loading import from_module
from analyzer.rewriting import rewritten
from analyzer.rules.low_rank_matrix import break_even, propose_all
from analyzer.values.facts import LinearFacts
from analyzer.values.layer_calls import code


def linear(inputs=4096, outputs=4096, bias=True, rows=3, share=0.5):
    params = inputs * outputs + (outputs if bias else 0)
    return LinearFacts("fc", inputs, outputs, params, rows * inputs * outputs, share, share)


LEFT_ALONE = {
    "a small share": {"linears": (linear(share=0.009),)},
    "few inputs": {"linears": (linear(inputs=63),)},
    "few outputs": {"linears": (linear(outputs=10),)},
    "one that cannot be replaced": {"linears": (linear(),), "fixed": frozenset({"fc"})},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(model, given):
    assert list(propose_all(model(**given))) == []


CONVOLUTIONS_LEFT_ALONE = {
    "a kernel": {"kernel": 3},
    "grouped": {"kernel": 1, "groups": 2},
    "transposed": {"kernel": 1, "transposed": True},
    "not plain": {"kernel": 1, "is_plain": False},
    "followed by another": {"kernel": 1, "follower": "next"},
    "few channels": {"kernel": 1, "out_channels": 32},
}


@pytest.mark.parametrize("given", CONVOLUTIONS_LEFT_ALONE.values(), ids=CONVOLUTIONS_LEFT_ALONE.keys())
def test_convolutions_left_alone(layer, model, given):
    assert list(propose_all(model(layer(**given)))) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "rank"), [(64, 64, 32), (4096, 4096, 2048), (512, 1000, 339), (9216, 4096, 2836)]
)
def test_break_even_is_where_nothing_is_saved(inputs, outputs, rank):
    assert break_even(inputs, outputs) == rank
    assert (rank - 1) * (inputs + outputs) < inputs * outputs <= rank * (inputs + outputs)


def test_a_linear_layer_becomes_two_of_half_the_break_even_rank(model):
    facts = model(linears=(linear(),))
    ((path, found),) = propose_all(facts)
    units = dict(found.replacements)[path]
    assert code(units) == "nn.Sequential(nn.Linear(4096, 1024, bias=False), nn.Linear(1024, 4096))"
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert saved.params == 4096 * 4096 - 1024 * (4096 + 4096)
    assert saved.macs == 3 * saved.params
    assert tuple(map(words, found.notes)) == ("rank 1024 of 4096: below 2048 it saves weights and MACs",)
    (other,) = found.alternatives
    assert (choice_words(other.choice), code(dict(other.replacements)["fc"])) == (
        "rank 512",
        "nn.Sequential(nn.Linear(4096, 512, bias=False), nn.Linear(512, 4096))",
    )


def test_without_a_bias_none_is_added(model):
    ((_, found),) = propose_all(model(linears=(linear(bias=False),)))
    assert code(found.replacements[0][1]).endswith("nn.Linear(1024, 4096, bias=False))")


def test_a_pointwise_convolution_keeps_stride_and_padding_in_the_first_factor(layer, model):
    given = layer(kernel=1, in_channels=256, out_channels=128, stride=2, padding=1, bias=True)
    ((path, found),) = propose_all(model(given))
    first, second = "nn.Conv2d(256, 40, 1, stride=2, padding=1, bias=False)", "nn.Conv2d(40, 128, 1)"
    assert (path, code(found.replacements[0][1])) == ("conv", f"nn.Sequential({first}, {second})")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(100, 64), nn.Linear(64, 100, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.embed(x))


def advised(module, value):
    found = study(from_module(module.eval(), (value,), {})).model
    return {item.advice.path: item for item in found.advised if item.advice.rule == "LOW102"}


def test_tied_embeddings_and_layers_that_attention_reads_are_left_alone():
    assert advised(Tied(), torch.zeros(1, 5, dtype=torch.int64)) == {}
    assert set(advised(nn.TransformerEncoderLayer(64, 2, 128), torch.ones(5, 1, 64))) == {"linear1", "linear2"}


def hooked():
    layer = nn.Linear(64, 64)
    layer.register_forward_hook(lambda *_: None)
    return layer


@pytest.mark.parametrize("make", [hooked, lambda: nn.utils.parametrizations.weight_norm(nn.Linear(64, 64))])
def test_layers_that_cannot_be_replaced_are_left_alone(make):
    assert advised(nn.Sequential(make()), torch.ones(2, 64)) == {}


def test_the_best_weights_of_that_rank_are_carried_over():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(96, 64), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.randn(64, 16, dtype=torch.double) @ torch.randn(16, 96, dtype=torch.double))
    item = advised(model, torch.ones(2, 7, 96, dtype=torch.double))["0"]
    assert item.advice.saved.macs == 14 * item.advice.saved.params
    new = rewritten(model, [item.proposal])
    value = torch.randn(5, 96, dtype=torch.double)
    assert torch.allclose(new.module(value), model(value), rtol=0, atol=1e-9)
    assert new.errors["0"] < 1e-5
    assert new.fresh == ()


def test_truncation_is_the_nearest_there_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 80))
    item = advised(model, torch.ones(2, 64))["0"]
    first, second = rewritten(model, [item.proposal]).module[0]
    left, values, right = torch.linalg.svd(model[0].weight.detach().double(), full_matrices=False)
    best = left[:, :16] * values[:16] @ right[:16]
    assert torch.allclose((second.weight @ first.weight).double(), best, atol=1e-5)
    assert torch.equal(second.bias, model[0].bias)
