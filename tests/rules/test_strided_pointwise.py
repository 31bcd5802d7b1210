import pytest

from analyzer.formats.wording.rule_words import words
from analyzer.rules.strided_pointwise import LEVEL, observe

LEFT_ALONE = {
    "stride 1": {"kernel": 1},
    "larger kernel": {"kernel": 2, "stride": 2},
    "one axis of 3": {"kernel": (1, 3), "stride": 2},
    "transposed": {"kernel": 1, "stride": 2, "transposed": True},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert list(observe(model(layer(**given)))) == []


FOUND = {
    "a shortcut of ResNet": ({"kernel": 1, "stride": 2}, "25.0 %"),
    "1-d": ({"kernel": (1,), "stride": 4}, "25.0 %"),
    "one axis": ({"kernel": 1, "stride": (1, 2)}, "50.0 %"),
    "tiny": ({"kernel": 1, "stride": 3, "share_of_macs": 0.0}, "11.1 %"),
}


@pytest.mark.parametrize(("given", "share"), FOUND.values(), ids=FOUND.keys())
def test_the_share_that_is_read_is_a_fact_not_an_error(layer, model, given, share):
    (finding,) = observe(model(layer(**given)))
    assert words(finding.current) == f"reads {share} of its input"
    assert LEVEL == "note"
