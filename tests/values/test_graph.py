"""What the arguments of an operator say, whichever way they are written."""

import pytest

from analyzer.values.graph import Op, Tensor

IMAGE = Tensor((2, 3, 8, 10))


def op(**arguments: object) -> Op:
    return Op("aten.any.default", {"self": IMAGE, **arguments}, (IMAGE,))


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, ()), ({"dim": None}, ()), ({"dim": 0}, (0,)), ({"dim": (0, -1)}, (0, -1)), ({"dim": True}, ())],
)
def test_zero_is_a_number_and_what_is_left_out_is_none(given, expected):
    assert op(**given).integers("dim") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [((3, 5), (3, 5)), (3, (3, 3)), ((3,), (3, 3)), (None, (1, 1))],
)
def test_one_number_stands_for_all_axes(given, expected):
    assert op(stride=given).each("stride", 2) == expected


@pytest.mark.parametrize(("given", "expected"), [(1, 1), (-1, 3), (-4, 0), (None, 0)])
def test_dimensions_are_counted_from_the_first(given, expected):
    assert op(dim=given).axis() == expected
    assert op(dimension=given).axis("dimension") == expected


def test_scalars_have_one_place_to_name():
    assert Op("aten.sum.dim_IntList", {"self": Tensor(()), "dim": 0}, ()).axis() == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"dims": (0, -1, 1, 2)}, (0, 3, 1, 2)),
        ({"dim0": 1, "dim1": -1}, (0, 3, 2, 1)),
        ({}, (3, 1, 2, 0)),  # aten.t: the first and the last
    ],
)
def test_turns_are_orders(given, expected):
    assert op(**given).order() == expected


def test_pads_come_in_pairs_from_the_last_dimension():
    assert op(pad=(1, 2, 3, 4)).pads() == ((1, 2), (3, 4))
    assert op(padding=(1, 2)).pads() == ((1, 2),)
    assert op().pads() == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"dim": 2, "start": 1, "end": 2**63 - 1, "step": 2}, [1, 3, 5, 7]),
        ({"dim": 2, "start": -3, "end": None}, [5, 6, 7]),
        ({"dim": -1, "start": None, "end": -8}, [0, 1]),
        ({"dim": 0, "start": 0, "end": 0}, []),
    ],
)
def test_a_slice_keeps_a_range(given, expected):
    assert list(op(**given).kept()) == expected
