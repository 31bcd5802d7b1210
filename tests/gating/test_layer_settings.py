"""What differs between two constructor calls, in words."""

import pytest

from analyzer.gating.layer_settings import in_words, parsed

CONV = "Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("(3, 3)", "(5, 5)", ("kernel 3 to 5",)),
        ("(3, 3)", "(1, 3)", ("kernel 3 to 1×3",)),
        ("64, 64", "64, 128", ("output channels 64 to 128",)),
        ("64, 64", "32, 128", ("input channels 64 to 32", "output channels 64 to 128")),
        ("padding=(1, 1)", "padding=(1, 1), groups=32", ("groups 1 to 32",)),
        ("padding=(1, 1)", "padding=(1, 1), bias=False", ("bias dropped",)),
        ("padding=(1, 1)", "padding=(2, 2), dilation=(2, 2)", ("padding 1 to 2", "dilation 1 to 2")),
        (", padding=(1, 1)", "", ("padding 1 to 0",)),
        ("stride=(1, 1)", "stride=(2, 2)", ("stride 1 to 2",)),
        ("padding=(1, 1)", "padding=same", ("padding 1 to same",)),
    ],
)
def test_convolutions(old: str, new: str, words: tuple[str, ...]) -> None:
    assert old in CONV
    assert in_words(CONV, CONV.replace(old, new)) == words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (CONV, CONV, ()),
        ("", "", ()),
        (
            "Conv2d(8, 8, kernel_size=(3, 3), groups=32, bias=False)",
            "Conv2d(8, 8, kernel_size=(3, 3))",
            ("groups 32 to 1", "bias added"),
        ),
        (
            "Linear(in_features=8, out_features=4, bias=True)",
            "Linear(in_features=8, out_features=9, bias=False)",
            ("output features 4 to 9", "bias dropped"),
        ),
        ("BatchNorm2d(16, eps=1e-05)", "BatchNorm2d(32, eps=1e-05)", ("channels 16 to 32",)),
        ("GroupNorm(4, 16)", "GroupNorm(8, 16)", ("groups 4 to 8",)),
        ("Embedding(100, 8)", "Embedding(200, 8)", ("num embeddings 100 to 200",)),
        ("LSTM(8, 16)", "LSTM(8, 16, num_layers=2)", ("num layers none to 2",)),
        (
            "Upsample(scale_factor=2.0, mode='nearest')",
            "Upsample(scale_factor=2.0, mode='bilinear')",
            ("mode nearest to bilinear",),
        ),
        ("", "Conv2d(1, 1)", ("none to Conv2d(1, 1)",)),
        ("Odd(1 2)", "Odd(1 3)", ("Odd(1 2) to Odd(1 3)",)),
        ("ReLU()", "ReLU(inplace=True)", ("inplace none to True",)),
    ],
)
def test_other_layers(old: str, new: str, words: tuple[str, ...]) -> None:
    assert in_words(old, new) == words


@pytest.mark.parametrize("text", ["", "Odd(1 2)", "1 + 1", "a.b(1)", "\0"])
def test_what_is_not_a_call(text: str) -> None:
    assert parsed(text) is None
