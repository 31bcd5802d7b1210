import pytest

from analyzer.formats.wording.rule_words import words
from analyzer.rules.strided_dilation import observe

LEFT_ALONE = {
    "no dilation": {"stride": 2},
    "no stride": {"dilation": 2},
    "nothing in common": {"stride": 2, "dilation": 3},
    "7 taps fill the stride": {"kernel": 7, "stride": 4, "dilation": 3},
    "pointwise": {"kernel": 1, "stride": 2, "dilation": 2},
    "transposed": {"stride": 2, "dilation": 2, "transposed": True},
    "the axes differ": {"stride": (2, 1), "dilation": (1, 2)},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert list(observe(model(layer(**given)))) == []


# The dilated threes that would stand for 5×5 s2, 9×9 s2 and 11×11 s4.
FOUND = {
    "2 and 2": ({"stride": 2, "dilation": 2}, "25.0 %"),
    "2 and 4": ({"stride": 2, "dilation": 4}, "25.0 %"),
    "4 and 5": ({"stride": 4, "dilation": 5}, "56.2 %"),
    "1-d": ({"kernel": (3,), "stride": 2, "dilation": 2}, "50.0 %"),
    "3-d": ({"kernel": (3, 3, 3), "stride": 2, "dilation": 2, "input_size": 9}, "12.5 %"),
}


@pytest.mark.parametrize(("given", "share"), FOUND.values(), ids=FOUND.keys())
def test_the_share_that_is_read(layer, model, given, share):
    (finding,) = observe(model(layer(**given)))
    assert words(finding.current) == f"reads {share} of its inputs: stride and dilation skip the rest"
