"""Sizes as people write them."""

import pytest

from analyzer.values.errors import Problem
from analyzer.values.size_sweeps import points_of


@pytest.mark.parametrize(
    ("texts", "points"),
    [
        ((), ()),
        (("batch=8",), ({"batch": 8},)),
        (("batch=1,8",), ({"batch": 1}, {"batch": 8})),
        (("height=width=160:224:32",), tuple({"height": size, "width": size} for size in (160, 192, 224))),
        (("batch=1,height=640,width=320",), ({"batch": 1, "height": 640, "width": 320},)),
        (("batch=1,2,4:5", "sequence=7"), tuple({"batch": size, "sequence": 7} for size in (1, 2, 4, 5))),
        (("batch=1,2", "height=8,16"), tuple({"batch": b, "height": h} for b in (1, 2) for h in (8, 16))),
    ],
)
def test_points(texts: tuple[str, ...], points: tuple[dict[str, int], ...]) -> None:
    assert points_of(texts) == points


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("8",), "--at 8: write it like batch=1,8,64"),
        (("=8",), "--at =8: write it like"),
        (("batch=",), "--at batch=: '' is not a positive size"),
        (("batch=0",), "'0' is not a positive size"),
        (("batch=-1",), "'-1' is not a positive size"),
        (("batch=1:2:3:4",), "is not a positive size or a range"),
        (("batch=64:32",), "the range 64:32 is empty"),
        (("batch=1", "batch=2"), "batch is given 2 times"),
        (("batch=1:20000",), "20,000 combinations of sizes; 10,000 are the most"),
    ],
)
def test_what_is_no_size_is_refused(texts: tuple[str, ...], said: str) -> None:
    with pytest.raises(Problem) as problem:
        points_of(texts)
    assert said in str(problem.value)
