import pytest

from analyzer.formats.wording.rule_words import words
from analyzer.rules.channel_misalignment import observe

LEFT_ALONE = {
    "aligned": {"in_channels": 96, "out_channels": 104},
    "a stem's input": {"in_channels": 3},
    "classes": {"out_channels": 21, "is_head": True},
    "depthwise": {"in_channels": 97, "out_channels": 97, "groups": 97},
    "tiny": {"in_channels": 97, "share_of_params": 0.0, "share_of_macs": 0.0},
    "aligned groups": {"groups": 8},
    "squeeze-and-excitation": {"in_channels": 888, "out_channels": 222, "kernel": 1, "input_size": 1},
    "a latent of 100": {"in_channels": 100, "kernel": 4, "input_size": 1, "transposed": True, "is_stem": True},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert list(observe(model(layer(**given), params=1, macs=1))) == []


FOUND = {
    "input": ({"in_channels": 97}, "97 input channels", 104),
    "output": ({"out_channels": 100}, "100 output channels", 104),
    "both alike": ({"in_channels": 97, "out_channels": 97}, "97 input channels and output channels", 104),
    "a stem's output": ({"in_channels": 3, "out_channels": 20}, "20 output channels", 24),
    "ResNeXt's groups": (
        {"in_channels": 128, "out_channels": 128, "groups": 32},
        "4 input channels per group and output channels per group",
        8,
    ),
}


@pytest.mark.parametrize(("given", "odd", "after"), FOUND.values(), ids=FOUND.keys())
def test_what_does_not_align_and_what_would(layer, model, given, odd, after):
    (finding,) = observe(model(layer(**given), params=1, macs=1))
    assert words(finding.current) == f"{odd}: no multiple of 8"
    assert tuple(map(words, finding.notes)) == (f"the next that fills an fp16 vector unit is {after}",)


WIDE = {"in_channels": 116, "out_channels": 116}


def test_layers_of_the_same_width_are_one_finding_at_the_first(layer, model):
    (found,) = observe(model(*(layer(name, **WIDE) for name in ("a", "b", "c")), params=1, macs=1))
    said = "116 input channels and output channels, here and in 2 more layers: no multiple of 8"
    assert (found.path, words(found.current)) == ("a", said)
    assert tuple(map(words, found.notes)) == (
        "the next that fills an fp16 vector unit is 120",
        "the layers are a, b, c",
    )


def test_several_widths_are_one_finding_too(layer, model):
    stem = layer("stem", in_channels=3, out_channels=58)
    (found,) = observe(model(stem, *(layer(name, **WIDE) for name in ("a", "b")), params=1, macs=1))
    assert (found.path, words(found.current)) == ("stem", "58 and 116 channels, in 3 layers: no multiples of 8")
    assert tuple(map(words, found.notes)) == (
        "58 output channels: the next that fills an fp16 vector unit is 64",
        "116 input channels and output channels: the next that fills an fp16 vector unit is 120; the layers are a, b",
    )
