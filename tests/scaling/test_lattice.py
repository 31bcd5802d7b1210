"""What the axes of inputs are called, and which lattices are tried."""

import pytest

from analyzer.scaling.lattice import axis_names, dimensions_of, periods_to_try, with_periods
from analyzer.values.counts import Input, Layer
from analyzer.values.errors import Problem
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
    found = {item.name: item.places for item in dimensions_of(inputs, {})}
    assert found == {
        "batch": (("ids", 0), ("mask", 0), ("targets", 0)),
        "sequence": (("ids", 1), ("mask", 1)),
        "targets.sequence": (("targets", 1),),
    }


def test_names_of_the_users_are_the_only_sizes_and_tie_equal_ones() -> None:
    inputs = [Input("images", (1, 3, 64, 64), "float32"), Input("mask", (1, 64), "bool")]
    batch, side = dimensions_of(inputs, {"images": ("N", "", "S", "S")})
    assert (batch.name, batch.kind, batch.axes, batch.places) == ("N", "batch", 1, (("images", 0),))
    assert (side.name, side.kind, side.axes, side.places) == ("S", "height", 2, (("images", 2), ("images", 3)))


def test_one_name_for_two_sizes_is_refused() -> None:
    with pytest.raises(Problem, match="S is 64 and 32 in the example; one name is one size"):
        dimensions_of([Input("images", (1, 3, 64, 32), "float32")], {"images": ("", "", "S", "S")})


def test_the_first_guess_is_the_grid_of_the_coarsest_output() -> None:
    layers = [Layer("a", "Conv2d", jump=(2, 2)), Layer("b", "Conv2d", jump=(6, 4)), Layer("c", "Linear")]
    guesses = [Dimension("ROWS", 50, kind="height"), Dimension("width", 50, kind="width")]
    height, width = with_periods(guesses, layers)
    assert (height.period, height.offset, width.period, width.offset) == (6, 2, 4, 2)


def test_periods_end_with_the_size_itself() -> None:
    assert periods_to_try(Dimension("height", 48, period=12)) == [1, 2, 4, 8, 12, 16, 32, 48]
