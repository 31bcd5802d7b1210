import pytest
import torch

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rewriting import rewritten
from analyzer.rewriting.constructors import module_of
from analyzer.rules import depthwise_separable, factorized_kernel, grouped_convolution, slug
from analyzer.rules.padding_only_taps import propose
from analyzer.values.layer_calls import code

LEFT_ALONE = {
    "every tap reads something": {"padding": 1},
    "the outermost position of each side": {"input_size": 28, "padding": 27, "dilation": 27},
    "no padding": {"input_size": 3},
    "not plain": {"padding": 36, "dilation": 36, "input_size": 28, "is_plain": False},
    "transposed": {"padding": 36, "dilation": 36, "input_size": 28, "transposed": True, "stride": 2},
    "one side alone": {"input_size": 1, "kernel": 2, "padding": 1},
    "only padding": {"input_size": 1, "kernel": 2, "padding": 5, "stride": 20, "dilation": 3},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv = layer(**given)
    assert propose(conv, model(conv)) is None


def test_inputs_of_several_sizes_are_left_alone(layer, model, convolution):
    sizes = [convolution(padding=36, dilation=36, input_size=size) for size in (28, 64)]
    conv = layer(calls=tuple(sizes))
    assert propose(conv, model(conv)) is None


RATE = {"padding": 36, "dilation": 36, "input_size": 28}
FOUND = {
    "rate 36 on 28x28": (RATE, "nn.Conv2d(64, 64, 1, bias=False)"),
    "the smallest such rate": ({**RATE, "padding": 28, "dilation": 28}, "nn.Conv2d(64, 64, 1, bias=False)"),
    "a map of one position": ({"padding": 1, "input_size": 1, "bias": True}, "nn.Conv2d(64, 64, 1)"),
    "five taps to three": ({"kernel": 5, "padding": 2, "input_size": 2}, "nn.Conv2d(64, 64, 3, padding=1, bias=False)"),
    "one axis": (
        {**RATE, "input_size": (64, 28)},
        "nn.Conv2d(64, 64, (3, 1), padding=(36, 0), dilation=(36, 1), bias=False)",
    ),
    "depthwise": ({**RATE, "groups": 64}, "nn.Conv2d(64, 64, 1, groups=64, bias=False)"),
    "with a stride": ({**RATE, "stride": 2}, "nn.Conv2d(64, 64, 1, stride=2, bias=False)"),
    "1-d": ({**RATE, "kernel": (3,)}, "nn.Conv1d(64, 64, 1, bias=False)"),
}


@pytest.mark.parametrize(("given", "cut"), FOUND.values(), ids=FOUND.keys())
def test_taps_that_read_padding_are_cut_off_and_the_output_stays(layer, model, given, cut):
    conv = layer(**given)
    found = propose(conv, model(conv))
    assert code(found.replacements[0][1]) == cut
    torch.manual_seed(0)
    old = module_of([conv.convolution]).double()
    new = rewritten(torch.nn.ModuleDict({"conv": old}), [found]).module["conv"]
    value = torch.randn(1, 64, *conv.convolution.input_size, dtype=torch.double)
    assert torch.allclose(new(value), old(value), rtol=0, atol=1e-12)


def test_eight_of_nine_taps_are_saved_and_the_note_says_at_which_size(layer, model):
    conv = layer(**RATE)
    facts = model(conv)
    found = propose(conv, facts)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    assert saved.params == 8 * 64 * 64
    assert saved.macs == 28 * 28 * 8 * 64 * 64
    assert tuple(map(words, found.notes)) == (
        "for inputs of this size only: 88.9 % of its taps read nothing but padding around 28x28 positions",
    )


@pytest.mark.parametrize("rule", [grouped_convolution, depthwise_separable, factorized_kernel], ids=slug)
def test_nothing_else_is_proposed_for_a_kernel_whose_taps_go_first(layer, model, rule):
    """DeepLabV3's rate of 36 on a map of 28."""
    whole, cut = (layer(padding=rate, dilation=rate, input_size=28) for rate in (1, 36))
    assert rule.propose(whole, model(whole)) is not None
    assert propose(cut, model(cut)) is not None
    assert rule.propose(cut, model(cut)) is None
