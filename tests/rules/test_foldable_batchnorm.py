import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.rules.foldable_batchnorm import propose_all
from analyzer.values.convolution import Identity
from analyzer.values.facts import Norm

AFFINE = Norm("norm", 64, 128, "conv")

LEFT_ALONE = {
    "no normalization": ({}, ()),
    "not plain": ({"norm": "norm", "is_plain": False}, (AFFINE,)),
    "a normalization of which nothing is known": ({"norm": "norm"}, ()),
    "nothing to save": ({"norm": "norm"}, (Norm("norm", 64, 0, "conv"),)),
    "as much bias as scale": ({"norm": "norm"}, (Norm("norm", 64, 64, "conv"),)),
    "a normalization that does more than normalize": ({"norm": "norm"}, (Norm("norm", 64, 128),)),
    "transposed and grouped": ({"norm": "norm", "transposed": True, "groups": 2}, (AFFINE,)),
}


@pytest.mark.parametrize(("given", "norms"), LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given, norms):
    conv = layer(**given)
    assert list(propose_all(model(conv, norms=norms))) == []


@pytest.mark.parametrize(("bias", "saved"), [(False, 2 * 64 - 64), (True, 2 * 64)])
@pytest.mark.parametrize("given", [{}, {"groups": 64}, {"in_channels": 3}, {"transposed": True}, {"kernel": (3, 3, 3)}])
def test_two_parameters_a_channel_less_a_bias_that_was_not_there(layer, model, given, bias, saved):
    conv = layer(norm="norm", bias=bias, **{"input_size": 8, **given})
    facts = model(conv, norms=(AFFINE,))
    ((_, found),) = propose_all(facts)
    price = current_price(found, facts).saved(proposed_price(found, facts))
    assert (price.params, price.macs) == (saved, 0)
    assert found.replacements[0][1][0].bias
    assert found.replacements[1] == ("norm", (Identity(),))


def test_the_output_is_read_and_written_once_less(layer, model):
    conv = layer(norm="norm", padding=1)
    facts = model(conv, norms=(AFFINE,))
    ((_, found),) = propose_all(facts)
    now, then = current_price(found, facts).bytes, proposed_price(found, facts).bytes
    # Two maps, four vectors of the normalization; the new bias.
    assert now - then == 4 * (2 * 64 * 32 * 32 + 4 * 64 - 64)
