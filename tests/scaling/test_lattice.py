"""What the axes of inputs are called, and which lattices are tried."""

import pytest

from analyzer.scaling.lattice import axis_names, dimensions_of, periods_to_try, with_periods
from analyzer.values.counts import Input, Layer
from analyzer.values.scaling import Dimension


@pytest.mark.parametrize(
    ("shape", "dtype", "names"),
    [
        ((1, 3, 224, 224), "float32", ("batch", None, "height", "width")),
        ((1, 3, 16, 112, 112), "float32", ("batch", None, "frames", "height", "width")),
        ((1, 16, 3, 224, 224), "float32", ("batch", "frames", None, "height", "width")),
        ((1, 128), "int64", ("batch", "sequence")),
        ((128,), "int64", ("sequence",)),
        ((1, 128), "bool", ("batch", "sequence")),
        ((1, 16000), "float32", ("batch", "length")),
        ((2, 50, 64), "float32", ("batch", "sequence", "length")),
        ((3, 224, 224), "float32", (None, "height", "width")),
        ((2, 3, 4, 5, 6, 7), "float32", (None,) * 6),
    ],
)
def test_names_of_axes(shape: tuple[int, ...], dtype: str, names: tuple[str | None, ...]) -> None:
    assert axis_names(Input("x", shape, dtype)) == names


def test_equal_sizes_of_one_name_are_one_and_others_are_told_apart() -> None:
    inputs = [Input("ids", (1, 128), "int64"), Input("mask", (1, 128), "int64"), Input("targets", (1, 64), "int64")]
    found = {item.name: item.places for item in dimensions_of(inputs)}
    assert found == {
        "batch": (("ids", 0), ("mask", 0), ("targets", 0)),
        "sequence": (("ids", 1), ("mask", 1)),
        "targets.sequence": (("targets", 1),),
    }


def test_the_first_guess_is_the_grid_of_the_coarsest_output() -> None:
    layers = [Layer("a", "Conv2d", jump=(2, 2)), Layer("b", "Conv2d", jump=(6, 4)), Layer("c", "Linear")]
    height, width = with_periods([Dimension("height", 50), Dimension("width", 50)], layers)
    assert (height.period, height.offset, width.period, width.offset) == (6, 2, 4, 2)


def test_periods_end_with_the_size_itself() -> None:
    assert periods_to_try(Dimension("height", 48, period=12)) == [1, 2, 4, 8, 12, 16, 32, 48]
