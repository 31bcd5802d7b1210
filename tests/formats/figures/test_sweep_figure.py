"""The scatter of many models: a point each, names where there is room, the same whenever it is drawn."""

import re

from matplotlib.axes import Axes

from analyzer.formats.figures import figure_style, sweep_figure
from analyzer.values.sweep_rows import PublishedAccuracy, Sweep, SweepRow


def row(name: str, params: int | None, macs: int | None, front: bool | None = None) -> SweepRow:
    accuracy = None if front is None else PublishedAccuracy(1.0, "acc@1")
    return SweepRow(name, name, params, macs, accuracy=accuracy, complete=True, on_front=front)


def sweep(*rows: SweepRow) -> Sweep:
    return Sweep(analyzer_version="1", device="d", sorted_by="macs", rows=rows)


def drawn(monkeypatch, *rows: SweepRow) -> tuple[str, list[str]]:
    """The text of the figure, and the names that are written in it."""
    names, annotate = [], Axes.annotate

    def noted(axes, text, *arguments, **options):
        names.append(text)
        return annotate(axes, text, *arguments, **options)

    monkeypatch.setattr(Axes, "annotate", noted)
    return sweep_figure.render(sweep(*rows)), names


def test_each_model_is_a_point_and_named(monkeypatch) -> None:
    text, names = drawn(monkeypatch, row("small", 10**6, 10**8, front=True), row("large", 10**8, 10**10, front=False))
    assert names == ["small", "large"]
    assert "<title>2 models: parameters and MACs</title>" in text
    colours = [style for style in re.findall(r'style="([^"]*)"', text) if "fill" in style]
    for colour in (figure_style.PARAMS_COLOUR, figure_style.MACS_COLOUR):
        assert any(colour.lower() in found for found in colours)


def test_names_that_would_cover_others_are_left_out_those_on_the_front_last(monkeypatch) -> None:
    crowd = [row(f"model-{number}", 10**6 + number, 10**8 + number, front=number == 25) for number in range(50)]
    _, names = drawn(monkeypatch, *crowd, row("far", 10**9, 10**11, front=False))
    assert len(names) < 50
    assert "far" in names


def test_it_is_the_same_whenever_it_is_drawn() -> None:
    rows = [row(f"model-{number}", 10**6 * (number + 1), 10**8 * (number + 1) ** 2) for number in range(20)]
    assert sweep_figure.render(sweep(*rows)) == sweep_figure.render(sweep(*rows))


def test_without_a_model_that_has_both_numbers_there_is_none() -> None:
    failed = SweepRow("bad", "bad", failure="killed")
    assert sweep_figure.render(sweep(failed, row("stored", 10, None), row("empty", 0, 0))) == ""
