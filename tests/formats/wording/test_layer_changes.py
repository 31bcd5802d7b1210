"""What differs between two layers, in words."""

import pytest

from analyzer.formats.wording.layer_changes import in_words
from analyzer.values.counts import LayerArgument
from analyzer.values.gate_results import LayerChange, SettingChange


@pytest.mark.parametrize(
    ("setting", "before", "after", "words"),
    [
        ("kernel_size", (3, 3), (5, 5), "kernel 3 to 5"),
        ("kernel_size", (3, 3), (1, 3), "kernel 3 to 1×3"),
        ("kernel_size", 3, 5, "kernel 3 to 5"),
        ("in_channels", 64, 32, "input channels 64 to 32"),
        ("out_features", 4, 9, "output features 4 to 9"),
        ("groups", 32, 1, "groups 32 to 1"),
        ("num_groups", 4, 8, "groups 4 to 8"),
        ("padding", (1, 1), "same", "padding 1 to same"),
        ("padding_idx", None, 0, "padding idx none to 0"),
        ("normalized_shape", (8,), (16,), "normalized shape 8 to 16"),
        ("num_embeddings", 100, 200, "num embeddings 100 to 200"),
        ("eps", 1e-05, 1e-06, "eps 1e-05 to 1e-06"),
        ("bias", True, False, "bias dropped"),
        ("bias", False, True, "bias added"),
        ("bias", None, True, "bias added"),
        ("inplace", False, True, "inplace off to on"),
        ("mode", "nearest", "bilinear", "mode nearest to bilinear"),
        ("kind", "Conv2d", "Linear", "Conv2d to Linear"),
        ("settings", "", "Conv2d(1, 1)", "none to Conv2d(1, 1)"),
        ("input_shapes", (), ("1x4x8x8",), "input none to 1×4×8×8"),
        ("input_shapes", ("1x4", "2x4"), ("1x8",), "input 1×4, 2×4 to 1×8"),
        ("params", 144, 1144, "parameters 144 to 1,144"),
        ("calls", 1, 2, "calls 1 to 2"),
    ],
)
def test_one_change(setting: str, before: LayerArgument, after: LayerArgument, words: str) -> None:
    change = LayerChange("a", "changed", None, None, changed=(SettingChange(setting, before, after),))
    assert in_words(change) == (words,)


@pytest.mark.parametrize(
    ("below", "words"), [(0, ()), (1, ("with 1 layer below it",)), (2, ("with 2 layers below it",))]
)
def test_a_move(below: int, words: tuple[str, ...]) -> None:
    assert in_words(LayerChange("a", "moved", None, None, "b", below=below)) == words
