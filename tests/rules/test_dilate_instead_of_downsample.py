import pytest

from analyzer.advising.pricing import current_price, proposed_price
from analyzer.formats.wording.rule_words import words
from analyzer.rules.dilate_instead_of_downsample import propose
from analyzer.values.convolution import Identity
from analyzer.values.facts import Restoration
from analyzer.values.layer_calls import code


def decoder(layer, model, down=(), mid=(), **restoration):
    """A strided layer 32 to 16, one at the lower resolution, an upsampling by 2."""
    one = layer("down", **{"stride": 2, "padding": 1, **dict(down)})
    two = layer("mid", **{"padding": 1, "input_size": 16, **dict(mid)})
    known = {"downsample": "down", "upsample": "up", "factor": 2, "between": ("mid",), **restoration}
    return one, model(one, two, restorations=(Restoration(**known),))


LEFT_ALONE = {
    "it is lost elsewhere": {"downsample": "elsewhere", "between": ()},
    "4×4 at stride 1 loses a position": {"down": {"kernel": 4}},
    "not plain": {"down": {"is_plain": False}},
    "one between is not plain": {"mid": {"is_plain": False}},
    "one between is transposed": {"mid": {"transposed": True}},
    "2×2 with a stride between loses a position": {"mid": {"kernel": 2, "padding": 0, "stride": 2}},
    "one between is unknown": {"between": ("mid", "unknown")},
}


def test_a_layer_that_loses_nothing_is_left_alone(layer, model):
    conv = layer()
    assert propose(conv, model(conv)) is None


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    one, facts = decoder(layer, model, **given)
    assert propose(one, facts) is None


def test_a_layer_called_twice_is_left_alone(layer, model, convolution):
    one, facts = decoder(layer, model, mid={"calls": (convolution(padding=1, input_size=16),) * 2})
    assert propose(one, facts) is None


def test_resolution_is_kept_by_dilation(layer, model):
    one, facts = decoder(layer, model)
    found = propose(one, facts)
    assert {path: code(units) for path, units in found.replacements} == {
        "down": "nn.Conv2d(64, 64, 3, padding=1, bias=False)",
        "mid": "nn.Conv2d(64, 64, 3, padding=2, dilation=2, bias=False)",
        "up": "nn.Identity()",
    }


def test_it_is_a_price_not_a_saving(layer, model):
    one, facts = decoder(layer, model)
    found = propose(one, facts)
    saved = current_price(found, facts).saved(proposed_price(found, facts))
    # Both layers ran on 16×16 outputs and run on 32×32 now.
    assert (saved.params, saved.macs) == (0, -2 * 64 * 64 * 9 * (32 * 32 - 16 * 16))
    assert words(found.notes[0]).startswith("a price")


def test_pooling_becomes_an_identity_and_the_price_stands_at_the_first_layer_after_it(layer, model):
    one, facts = decoder(layer, model, {"stride": 1}, downsample="pool", between=("mid",))
    assert propose(one, facts) is None
    found = propose(facts.convolutions["mid"], facts)
    assert found.replacements[0] == ("pool", (Identity(),))
    assert [path for path, _ in found.replacements] == ["pool", "mid", "up"]


def test_work_that_a_block_does_itself_is_not_replaced(layer, model):
    """Upsampling inside the forward of a block with convolutions: the block is not a layer that could be swapped."""
    one, facts = decoder(layer, model, upsample="")
    assert [path for path, _ in propose(one, facts).replacements] == ["down", "mid"]


def test_a_pooling_in_the_code_of_a_block_stays_and_so_nothing_is_proposed(layer, model):
    mid = layer("mid", padding=1, input_size=16)
    facts = model(mid, restorations=(Restoration("", "up", 2, ("mid",)),))
    assert propose(mid, facts) is None


def test_a_transposed_convolution_keeps_its_weights_at_stride_1(layer, model):
    up = layer("up", kernel=2, stride=2, transposed=True, input_size=16)
    one = layer("down", stride=2, padding=1)
    restored = Restoration("down", "up", 2, ())
    found = propose(one, model(one, up, restorations=(restored,)))
    assert code(found.replacements[1][1]) == ("nn.ConvTranspose2d(64, 64, 2, padding=1, dilation=2, bias=False)")


def test_a_shortcut_that_loses_the_same_resolution_keeps_it_too(layer, model):
    down = layer("down", stride=2, padding=1)
    mid = layer("mid", padding=1, input_size=16, readers=("next",))
    shortcut = layer("shortcut", kernel=1, stride=2, readers=("next",))
    stem = layer("stem", stride=2, readers=("down",))
    facts = model(stem, shortcut, down, mid, restorations=(Restoration("down", "", 2, ("mid",)),))
    found = dict(propose(down, facts).replacements)
    assert list(found) == ["down", "shortcut", "mid"]
    assert code(found["shortcut"]) == "nn.Conv2d(64, 64, 1, bias=False)"
