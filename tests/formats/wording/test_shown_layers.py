import pytest

from analyzer.formats.wording.shown_layers import (
    Block,
    blocks,
    heaviest,
    owns_something,
    total,
    weighs_something,
    weightiest,
)
from analyzer.values.counts import Layer, Total


def layer(path: str, params: int = 0, macs: int | None = 0, kind: str = "Layer", other: int | None = 0) -> Layer:
    return Layer(path, kind, params=params, macs=macs, other_flops=other)


def test_a_layer_without_parameters_or_work_owns_nothing():
    assert not owns_something(layer("dropout"))


@pytest.mark.parametrize("owner", [layer("a", params=1), layer("a", macs=1), layer("a", macs=None)])
def test_parameters_work_and_unknown_work_weigh_something(owner):
    assert owns_something(owner)
    assert weighs_something(owner)


def test_other_flops_alone_are_owned_but_weigh_nothing():
    relu = layer("relu", other=10)
    assert owns_something(relu)
    assert not weighs_something(relu)


def test_a_sum_with_an_unknown_is_unknown():
    assert total([1, 2]) == 3
    assert total([]) == 0
    assert total([1, None, 0]) is None


def test_the_heaviest_come_first_and_ties_keep_execution_order():
    rows = [layer("a", 5), layer("b", 7), layer("c", 7), layer("d", 0)]
    top, others, rest = heaviest(rows, lambda row: row.params, 2)
    assert ([row.path for row in top], others, rest) == (["b", "c"], 1, 5)


def test_unknown_work_is_not_ranked():
    assert heaviest([layer("a", macs=None)], lambda row: row.macs, 10) == ([], 0, 0)


def test_blocks_are_as_deep_as_the_row_limit_allows():
    rows = [
        layer(f"stage{stage}.{unit}.conv{conv}", stage + unit + 1)
        for stage in (1, 2)
        for unit in (0, 1)
        for conv in "ab"
    ]
    assert [block.first for block in blocks(rows, most=2)] == ["stage1", "stage2"]
    assert [block.first for block in blocks(rows, most=4)] == ["stage1.0", "stage1.1", "stage2.0", "stage2.1"]
    assert len(blocks(rows, most=8)) == 8


def test_equal_blocks_that_follow_one_another_are_one_row():
    rows = [layer(f"blocks.{index}.linear", 10, 20) for index in range(12)]
    assert blocks(rows, most=2) == (Block("blocks.0", "blocks.11", "", 120, 240, repeats=12),)


def test_numbered_names_count_as_a_series():
    rows = [layer("block_9.a", 1), layer("block_10.a", 1)]
    assert [(block.first, block.last) for block in blocks(rows, most=1)] == [("block_9", "block_10")]


@pytest.mark.parametrize(
    "rows",
    [
        [layer("blocks.0", 1), layer("blocks.2", 1)],
        [layer("blocks.0", 1), layer("blocks.1", 2)],
        [layer("blocks.0", 1), layer("blocks.1", 1, kind="Other")],
        [layer("left.0", 1), layer("right.1", 1)],
        [layer("conv", 1), layer("head", 1)],
    ],
)
def test_other_neighbours_stay_apart(rows):
    assert len(blocks(rows)) == 2


def test_what_a_container_owns_beside_its_children_is_marked():
    found = blocks([layer("encoder", 5), layer("encoder.a", 1), layer("encoder.b", 2)])
    assert [(block.first, block.is_whole) for block in found] == [
        ("encoder", False),
        ("encoder.a", True),
        ("encoder.b", True),
    ]


def test_a_block_with_an_unknown_layer_is_unknown():
    (block,) = blocks([layer("a.b", 1, None), layer("a.c", 1, 5)], most=1)
    assert (block.params, block.macs) == (2, None)


def test_blocks_keep_every_parameter_and_mac():
    rows = [layer(f"a{index % 7}.{index % 3}.{index}", index, 2 * index) for index in range(100)]
    found = blocks(rows)
    assert sum(block.params for block in found) == sum(range(100))
    assert total(block.macs for block in found) == 2 * sum(range(100))


def test_no_layers_are_no_blocks():
    assert blocks([]) == ()


def test_the_weightiest_blocks_stay_in_their_order():
    found = tuple(
        Block(name, name, "", params, macs) for name, params, macs in [("a", 1, 0), ("b", 50, 0), ("c", 9, 100)]
    )
    whole = Total(60, 60, 0, 240, macs=100)
    assert [block.first for block in weightiest(found, whole, 2)] == ["b", "c"]
