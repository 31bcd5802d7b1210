from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advising.pricing import current_price, price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rules.factorized_kernel import (
    channel,
    channel_break_even,
    propose,
    spatial,
    spatial_break_even,
    spatial_rank,
)
from analyzer.values.layer_calls import code

LEFT_ALONE = {
    "pointwise": {"kernel": 1},
    "a stem": {"in_channels": 3, "kernel": 7},
    "grouped": {"groups": 4},
    "depthwise": {"groups": 64},
    "transposed": {"transposed": True},
    "tiny": {"share_of_params": 0.005, "share_of_macs": 0.005},
    "not plain": {"is_plain": False},
    "ranks would be below 8": {"in_channels": 8, "out_channels": 8},
    "1-d with few channels": {"in_channels": 12, "out_channels": 64, "kernel": (3,)},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    conv = layer(**given)
    assert propose(conv, model(conv)) is None


FOUND = {
    "3×3": (
        {"padding": 1},
        "nn.Conv2d(64, 48, (3, 1), padding=(1, 0), bias=False), nn.Conv2d(48, 64, (1, 3), padding=(0, 1), bias=False)",
    ),
    "with stride, padding and bias": (
        {"stride": 2, "padding": 1, "bias": True},
        "nn.Conv2d(64, 32, (3, 1), stride=(2, 1), padding=(1, 0), bias=False), "
        "nn.Conv2d(32, 64, (1, 3), stride=(1, 2), padding=(0, 1))",
    ),
    "1-d": (
        {"kernel": (9,), "padding": (4,)},
        "nn.Conv1d(64, 32, 1, bias=False), nn.Conv1d(32, 32, 9, padding=4, bias=False), "
        "nn.Conv1d(32, 64, 1, bias=False)",
    ),
    "one long axis": (
        {"kernel": (7, 1)},
        "nn.Conv2d(64, 32, 1, bias=False), nn.Conv2d(32, 32, (7, 1), bias=False), nn.Conv2d(32, 64, 1, bias=False)",
    ),
    # Break-even 27 · 64 / (3 + 9) = 144.
    "3-d, time apart from space": (
        {"kernel": (3, 3, 3), "padding": 1},
        "nn.Conv3d(64, 72, (3, 1, 1), padding=(1, 0, 0), bias=False), "
        "nn.Conv3d(72, 64, (1, 3, 3), padding=(0, 1, 1), bias=False)",
    ),
}


@pytest.mark.parametrize(("given", "units"), FOUND.values(), ids=FOUND.keys())
def test_half_the_rank_that_breaks_even(layer, model, given, units):
    conv = layer(**given)
    assert code(propose(conv, model(conv)).replacements[0][1]) == f"nn.Sequential({units})"


def test_break_even_of_equal_channels_is_k_c_over_2(convolution):
    assert spatial_break_even(convolution(padding=1)) == 3 * 64 // 2
    assert spatial_break_even(convolution(kernel=5, padding=2)) == 5 * 64 // 2


def test_positions_lost_between_the_two_lower_it(convolution):
    """Without padding the first half runs on 30×32 positions, the second on 30×30."""
    assert spatial_break_even(convolution()) == ceil(9 * 64 * 64 / (3 * 64 * 32 / 30 + 3 * 64))


def test_a_rank_of_half_the_channels_takes_a_third(convolution):
    """The ratio of the measured table: 2 r k C / (k² C²) with r = C / 2 is 1 / 3."""
    conv = convolution(padding=1)
    assert 3 * price(spatial(conv, 32), conv).macs == price((conv,), conv).macs


def test_the_ranks_are_in_the_notes(layer, model):
    conv = layer(padding=1)
    found = propose(conv, model(conv))
    assert tuple(map(words, found.notes)) == ("rank 48: below 96 it saves weights and MACs, from 192 on it is exact",)
    assert tuple(map(words, found.alternatives[0].notes)) == (
        "ranks 32 and 32: below 58 and 58 they save weights and MACs",
    )


def test_tucker_takes_what_its_formula_says(layer, model):
    conv = layer(in_channels=64, out_channels=128, bias=True)
    bottleneck = propose(conv, model(conv)).alternatives[0]
    assert proposed_price(bottleneck, model(conv)).params == 64 * 32 + 9 * 32 * 64 + 64 * 128 + 128


odd_axes = st.lists(st.tuples(st.sampled_from((3, 5, 7)), st.integers(1, 3)), min_size=2, max_size=3)
channels = st.integers(1, 100)


@given(channels, channels, odd_axes)
def test_spatial_saves_both_below_break_even_and_no_work_from_there_on(convolution, ins, outs, axes):
    kernel, stride = zip(*axes, strict=True)
    # Sizes that the strides divide: a stride of s is then exactly s times the positions.
    sizes = {"padding": tuple(k // 2 for k in kernel), "input_size": tuple(6 * s for s in stride)}
    conv = convolution(in_channels=ins, out_channels=outs, kernel=kernel, stride=stride, **sizes)
    limit, dense = spatial_break_even(conv), price((conv,), conv)
    assert price(spatial(conv, limit), conv).macs >= dense.macs
    if limit > 1:
        below = price(spatial(conv, limit - 1), conv)
        assert below.params < dense.params
        assert below.macs < dense.macs


@given(st.integers(8, 300), st.integers(8, 300), st.integers(2, 7), st.integers(1, 2))
def test_channel_ranks_below_break_even_save_both(convolution, ins, outs, kernel, stride):
    conv = convolution(in_channels=ins, out_channels=outs, kernel=kernel, stride=stride, padding=kernel // 2)
    entry, leave = (limit - 1 for limit in channel_break_even(conv))
    if min(entry, leave) < 1:
        return
    after, dense = price(channel(conv, entry, leave), conv), price((conv,), conv)
    assert after.params < dense.params
    assert after.macs < dense.macs


@given(
    ins=st.integers(5, 300),
    outs=st.integers(5, 300),
    kernel=st.integers(2, 7),
    stride=st.integers(1, 3),
    bias=st.booleans(),
)
def test_what_is_proposed_saves_both(layer, model, ins, outs, kernel, stride, bias):
    conv = layer(in_channels=ins, out_channels=outs, kernel=kernel, stride=stride, padding=kernel // 2, bias=bias)
    facts = model(conv)
    found = propose(conv, facts)
    if found is not None:
        saved = current_price(found, facts).saved(proposed_price(found, facts))
        assert saved.params > 0
        assert saved.macs > 0
        assert spatial_rank(conv.convolution) >= found.replacements[0][1][0].out_channels
