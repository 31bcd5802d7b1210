import pytest
from torch import nn

from analyzer.advising.pricing import Price, current_price, current_units, operators, price, proposed_price
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import trace
from analyzer.values.advice import Saving
from analyzer.values.convolution import BatchNorm, ChannelShuffle, Identity, Proposal, ReLU
from analyzer.values.facts import Norm

MAP = 64 * 32 * 32

UNITS = {
    "an identity is free": ((Identity(),), Price()),
    "an activation moves what it reads and writes": ((ReLU(),), Price(0, 0, 4 * 2 * MAP)),
    "a shuffle as well": ((ChannelShuffle(4),), Price(0, 0, 4 * 2 * MAP)),
    "a normalization has four vectors, two of them parameters": (
        (BatchNorm(64, 2),),
        Price(2 * 64, 0, 4 * (2 * MAP + 4 * 64)),
    ),
    "a row adds up": ((ReLU(), ReLU(), Identity()), Price(0, 0, 4 * 4 * MAP)),
}


@pytest.mark.parametrize(("units", "expected"), UNITS.values(), ids=UNITS.keys())
def test_units_beside_convolutions(convolution, units, expected):
    assert price(units, convolution()) == expected


def test_a_convolution_moves_inputs_outputs_weights_and_bias(convolution):
    conv = convolution(bias=True, out_channels=128, batch=2, itemsize=2)
    weights = 128 * 64 * 9 + 128
    out = 2 * 128 * 30 * 30
    assert price((conv,), conv) == Price(weights, out * 64 * 9, 2 * (2 * MAP + out + weights))


def test_a_transposed_convolution_is_priced_by_its_inputs(convolution):
    conv = convolution(kernel=2, stride=2, transposed=True)
    assert price((conv,), conv).macs == 32 * 32 * 64 * 64 * 2 * 2


def test_each_unit_reads_what_the_one_before_wrote(convolution):
    conv = convolution(stride=2, padding=1)
    assert price((conv, conv), conv).macs == 64 * 64 * 9 * (16 * 16 + 8 * 8)


def test_every_call_counts_and_parameters_once(layer, model, convolution):
    calls = (convolution(padding=1), convolution(padding=1, input_size=16))
    facts = model(layer(calls=calls), params=1, macs=1)
    proposal = Proposal((("conv", (convolution(padding=1, groups=2),)),))
    before, after = current_price(proposal, facts), proposed_price(proposal, facts)
    assert before.params == 64 * 64 * 9
    assert before.macs == 64 * 64 * 9 * (32 * 32 + 16 * 16)
    assert before.saved(after) == Saving(64 * 32 * 9, 64 * 32 * 9 * (32 * 32 + 16 * 16))


def test_a_proposal_may_enlarge_what_a_layer_reads(layer, model, convolution):
    facts = model(layer(padding=1, input_size=16))
    proposal = Proposal((("conv", (convolution(padding=1, input_size=32),)),))
    assert proposed_price(proposal, facts).macs == 4 * current_price(proposal, facts).macs


def test_a_normalization_is_known_by_the_convolution_before_it(layer, model):
    facts = model(layer(norm="norm", kernel=(3,)), norms=(Norm("norm", 64, 128, "conv"),))
    assert current_units("norm", facts) == (BatchNorm(64, 1),)
    proposal = Proposal((("norm", (Identity(),)),))
    assert current_price(proposal, facts) == Price(128, 0, 4 * (2 * 64 * 30 + 4 * 64))
    assert proposed_price(proposal, facts) == Price()


def test_of_a_layer_that_is_neither_nothing_is_known(layer, model):
    assert current_units("pool", model(layer())) == ()
    assert current_price(Proposal((("pool", (Identity(),)),)), model(layer())) == Price()


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 3, "groups": 4},
        {"kernel_size": 3, "groups": 64},
    ],
    ids=lambda settings: " ".join(f"{name} {value}" for name, value in settings.items()),
)
def test_a_convolution_is_priced_as_the_operator_that_tracing_sees(settings, convolution):
    """The roofline classes an operator by its arguments; without `groups` a dense one was taken for a grouped one."""
    spec = Inputs((InputSpec((1, 64, 32, 32), "float32"),))
    seen = trace(LoadedModel("conv", "conv", nn.Conv2d(64, 64, **settings).eval().to("meta"), (spec,))).ops[0]
    given = {("kernel" if name == "kernel_size" else name): value for name, value in settings.items()}
    conv = convolution(bias=True, **given)
    (priced,) = operators((conv,), conv)
    for name in ("stride", "padding", "dilation"):
        assert priced.each(name, 2) == seen.each(name, 2)
    assert [priced.arguments[name] for name in ("groups", "transposed")] == [settings.get("groups", 1), False]
    assert seen.arguments["groups"] == settings.get("groups", 1)
    assert priced.packet == seen.packet
    assert priced.outputs[0].shape == seen.outputs[0].shape
