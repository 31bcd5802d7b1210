from dataclasses import replace

from analyzer.formats.html.change_data import changes, total_rows
from analyzer.formats.html.embedding import Strings
from analyzer.values.gate_results import LayerChange


def test_a_layer_has_its_numbers_before_and_after(gated):
    strings = Strings()
    found = changes(gated.difference, strings)
    (head,) = found.layers
    assert head.params == (512 * 10 + 10, 1024 * 10 + 10)
    assert head.macs == (512 * 10, 1024 * 10)
    assert strings.texts[head.said] == "input features 512 to 1024"
    assert (found.unchanged, strings.texts[found.base]) == (4, "main")


def test_what_came_or_went_had_nothing_before_or_after(gated):
    layer = gated.difference.layers[0].after
    rows = (LayerChange("new", "added", None, layer), LayerChange("old", "removed", layer, None))
    added, removed = changes(replace(gated.difference, layers=rows), Strings()).layers
    assert added.params == (0, layer.params)
    assert removed.macs == (layer.macs, 0)


def test_unknown_work_stays_unknown(gated):
    layer = gated.difference.layers[0].after
    rows = (LayerChange("head", "changed", layer, replace(layer, macs=None)),)
    assert changes(replace(gated.difference, layers=rows), Strings()).layers[0].macs == (layer.macs, None)


def test_a_new_model_is_compared_with_nothing(gated):
    assert changes(replace(gated.difference, before=None), Strings()) is None
    assert changes(None, Strings()) is None


def test_totals_that_neither_has_are_left_out(gated, checkpoint):
    assert [row.title for row in total_rows(checkpoint.total, checkpoint.total)] == ["Parameters", "Size"]
    rows = {row.title: row.change for row in total_rows(gated.difference.before, gated.total)}
    assert rows["Parameters"].startswith("+5,120 (")
