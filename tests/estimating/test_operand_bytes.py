"""Bytes that are read of tables, of experts, and written into rows."""

from analyzer.estimating.operand_bytes import moved_bytes, read_bytes
from analyzer.values.graph import Op, Tensor

X = Tensor((3, 8), number=1)


def test_a_lookup_reads_the_rows_that_it_returns() -> None:
    table, places = Tensor((1000, 8), number=2), Tensor((1, 3), "int64", 8, number=3)
    op = Op("aten.embedding.default", {"weight": table, "indices": places}, (Tensor((1, 3, 8), number=4),))
    assert read_bytes(op, table) == 3 * 8 * 4
    assert moved_bytes(op) == 3 * 8 * 4 + 3 * 8 + 3 * 8 * 4


def test_no_lookup_reads_more_than_there_is() -> None:
    table, places = Tensor((2, 8), number=2), Tensor((100,), "int64", 8, number=3)
    op = Op("aten.index_select.default", {"self": table, "dim": 0, "index": places}, (Tensor((100, 8)),))
    assert read_bytes(op, table) == 2 * 8 * 4


def test_three_rows_reach_three_of_sixteen_experts_and_many_rows_all() -> None:
    experts = Tensor((16, 8, 5), number=2)
    for rows, reached in ((3, 3), (200, 16)):
        given = Tensor((rows, 8), number=1)
        op = Op("aten._grouped_mm.default", {"self": given, "mat2": experts, "offs": None}, (Tensor((rows, 5)),))
        assert read_bytes(op, experts) == reached * 8 * 5 * 4
        assert read_bytes(op, given) == rows * 8 * 4


def test_rows_are_written_into_a_cache_and_the_rest_of_it_is_left_alone() -> None:
    cache = Tensor((1, 4096, 8), number=2)
    arguments = {"self": cache, "dim": 1, "index": Tensor((1,), "int64", 8, number=3), "source": X}
    op = Op("aten.index_copy_.default", arguments, (cache,))
    assert moved_bytes(op) == 8 + 2 * 3 * 8 * 4


def test_an_operator_without_results_reads_nothing() -> None:
    weight = Tensor((5, 8), number=2)
    op = Op("aten.mm.default", {"self": Tensor((0, 8), number=1), "mat2": weight}, (Tensor((0, 5)),))
    assert read_bytes(op, weight) == 0


def test_all_else_reads_all_and_a_square_its_operand_once() -> None:
    assert moved_bytes(Op("aten.mul.Tensor", {"self": X, "other": X}, (Tensor((3, 8)),))) == 2 * 3 * 8 * 4
