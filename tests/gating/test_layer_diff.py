"""The rows of a difference: what they say, how they are ranked, and what is folded."""

from dataclasses import replace
from typing import Any

import pytest

from analyzer.formats.wording.layer_changes import in_words
from analyzer.gating.layer_diff import changes, difference, growth
from analyzer.values.counts import Layer
from analyzer.values.gate_results import LayerChange, SettingChange


def conv(kernel: int) -> dict[str, Any]:
    """How a convolution of 4 channels was built: as text, and as data."""
    return {
        "settings": f"Conv2d(4, 4, kernel_size=({kernel}, {kernel}), stride=(1, 1))",
        "arguments": {"in_channels": 4, "out_channels": 4, "kernel_size": (kernel, kernel), "stride": (1, 1)},
    }


@pytest.fixture
def net(layer) -> tuple[Layer, ...]:
    return (
        layer("", kind="Net"),
        layer("a", kind="Block"),
        layer("a.conv", 144, 144 * 64, **conv(3)),
        layer("a.act", kind="ReLU"),
        layer("fc", 50, 40, kind="Linear"),
    )


def rows(found: tuple[LayerChange, ...]) -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    return [(row.path, row.status, row.was, in_words(row)) for row in found]


def with_path(layers: tuple[Layer, ...], old: str, new: str) -> tuple[Layer, ...]:
    return tuple(
        replace(item, path=new + item.path.removeprefix(old)) if item.path.startswith(old) else item for item in layers
    )


def test_nothing_changed(net, analysis) -> None:
    found = difference(analysis(*net), analysis(*net), "main")
    assert (found.base, found.layers, found.unchanged) == ("main", (), 5)
    assert found.before == analysis(*net).total


def test_a_new_model_has_all_its_layers(net, analysis) -> None:
    found = difference(None, analysis(*net), "main")
    assert found.before is None
    assert rows(found.layers) == [("a.conv", "added", None, ()), ("fc", "added", None, ())]


def test_a_larger_kernel(net, analysis) -> None:
    larger = replace(net[2], params=400, macs=400 * 64, **conv(5))
    found = difference(analysis(*net), analysis(*net[:2], larger, *net[3:]), "main")
    assert rows(found.layers) == [("a.conv", "changed", None, ("kernel 3 to 5",))]
    assert growth(found.layers[0]) == (256, 256 * 64)
    assert found.unchanged == 4


def test_another_class(net, analysis) -> None:
    other = replace(net[2], kind="Linear", params=20, settings="Linear(in_features=4, out_features=4)")
    found = difference(analysis(*net), analysis(*net[:2], other, *net[3:]), "main")
    assert rows(found.layers) == [("a.conv", "changed", None, ("Conv2d to Linear",))]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"macs": 9, "input_shapes": ((1, 4, 8, 8),)}, ("input none to 1×4×8×8",)),
        ({"params": 1144}, ("parameters 144 to 1,144",)),
        ({"calls": 2, "macs": 9}, ("calls 1 to 2",)),
        ({"macs": 9}, ()),
    ],
)
def test_changes_that_settings_do_not_tell(net, analysis, changed: dict, words: tuple[str, ...]) -> None:
    found = difference(analysis(*net), analysis(*net[:2], replace(net[2], **changed), *net[3:]), "main")
    assert rows(found.layers) == [("a.conv", "changed", None, words)]


def test_the_arguments_that_tell_most_come_first() -> None:
    before = Layer("a", "Conv2d", settings="old", arguments={"in_channels": 4, "bias": True, "groups": 1, "eps": 1.0})
    after = replace(before, arguments={"in_channels": 8, "bias": False, "groups": 4, "eps": 1.0})
    assert changes(before, after) == (
        SettingChange("groups", 1, 4),
        SettingChange("in_channels", 4, 8),
        SettingChange("bias", True, False),
    )


def test_arguments_that_no_text_tells_are_a_change(analysis) -> None:
    before = Layer("a", "MultiheadAttention", params=4, arguments={"num_heads": 4})
    found = difference(analysis(before), analysis(replace(before, arguments={"num_heads": 8})), "main")
    assert [row.changed for row in found.layers] == [(SettingChange("num_heads", 4, 8),)]


def test_a_report_of_an_earlier_version_has_the_text_alone(net, analysis) -> None:
    old = replace(net[2], arguments={})
    found = difference(analysis(*net[:2], old, *net[3:]), analysis(*net), "main")
    assert found.layers == ()
    larger = replace(net[2], params=400, **conv(5))
    found = difference(analysis(*net[:2], old, *net[3:]), analysis(*net[:2], larger, *net[3:]), "main")
    assert found.layers[0].changed == (SettingChange("settings", old.settings, larger.settings),)


@pytest.mark.parametrize("changed", [{"line": 9}, {"other_flops": 9}, {"output_shapes": ((1, 2),)}])
def test_what_is_no_change(net, analysis, changed: dict) -> None:
    found = difference(analysis(*net), analysis(*net[:2], replace(net[2], **changed), *net[3:]), "main")
    assert (found.layers, found.unchanged) == ((), 5)


def test_a_renamed_block_is_one_row(net, analysis) -> None:
    found = difference(analysis(*net), analysis(*with_path(net, "a", "b")), "main")
    assert rows(found.layers) == [("b", "moved", "a", ("with 2 layers below it",))]
    assert found.unchanged == 4


def test_a_renamed_block_with_a_larger_kernel_is_two(net, analysis) -> None:
    larger = replace(net[2], params=400, **conv(5))
    found = difference(analysis(*net), analysis(*with_path((*net[:2], larger, *net[3:]), "a", "b")), "main")
    assert rows(found.layers) == [
        ("b.conv", "changed", "a.conv", ("kernel 3 to 5",)),
        ("b", "moved", "a", ("with 2 layers below it",)),
    ]


def test_removed_layers_come_last_and_only_those_that_weighed(net, analysis, layer) -> None:
    found = difference(analysis(*net), analysis(net[0], net[4], layer("z", 1)), "main")
    assert rows(found.layers) == [("z", "added", None, ()), ("a.conv", "removed", None, ())]
    assert found.layers[1].before == net[2]


@pytest.mark.parametrize(("metric", "first"), [("params", "x"), ("macs", "y"), ("size", "x")])
def test_what_grew_most_in_the_metric_comes_first(analysis, layer, metric: str, first: str) -> None:
    grown = analysis(layer("w", 1, 1), layer("x", 100, 1), layer("y", 1, 100))
    assert difference(analysis(), grown, "main", metric).layers[0].path == first
