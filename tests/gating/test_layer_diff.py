"""The rows of a difference: what they say, how they are ranked, and what is folded."""

from dataclasses import replace

import pytest

from analyzer.gating.layer_diff import difference, growth
from analyzer.values.counts import Layer
from analyzer.values.gate_results import LayerChange

CONV = "Conv2d({}, {}, kernel_size=({k}, {k}), stride=(1, 1))"


@pytest.fixture
def net(layer) -> tuple[Layer, ...]:
    return (
        layer("", kind="Net"),
        layer("a", kind="Block"),
        layer("a.conv", 144, 144 * 64, settings=CONV.format(4, 4, k=3)),
        layer("a.act", kind="ReLU"),
        layer("fc", 50, 40, kind="Linear"),
    )


def rows(found: tuple[LayerChange, ...]) -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    return [(row.path, row.status, row.was, row.changes) for row in found]


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
    larger = replace(net[2], params=400, macs=400 * 64, settings=CONV.format(4, 4, k=5))
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


@pytest.mark.parametrize("changed", [{"line": 9}, {"other_flops": 9}, {"output_shapes": ((1, 2),)}])
def test_what_is_no_change(net, analysis, changed: dict) -> None:
    found = difference(analysis(*net), analysis(*net[:2], replace(net[2], **changed), *net[3:]), "main")
    assert (found.layers, found.unchanged) == ((), 5)


def test_a_renamed_block_is_one_row(net, analysis) -> None:
    found = difference(analysis(*net), analysis(*with_path(net, "a", "b")), "main")
    assert rows(found.layers) == [("b", "moved", "a", ("with 2 layers below it",))]
    assert found.unchanged == 4


def test_a_renamed_block_with_a_larger_kernel_is_two(net, analysis) -> None:
    larger = replace(net[2], params=400, settings=CONV.format(4, 4, k=5))
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
