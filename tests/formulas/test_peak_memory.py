"""Memory held at once, on timelines drawn by hand."""

from analyzer.formulas.peak_memory import held_bytes, peak_bytes
from analyzer.values.graph import Allocation


def test_nothing_allocated() -> None:
    assert held_bytes((), 3) == (0, 0, 0)
    assert peak_bytes((), 0) == 0


def test_a_piece_is_held_from_birth_to_its_last_operator() -> None:
    assert held_bytes((Allocation(10, 1, 2),), 5) == (0, 10, 10, 0, 0)


def test_what_is_never_freed_is_held_to_the_end() -> None:
    assert held_bytes((Allocation(10, 1),), 4) == (0, 10, 10, 10)


def test_a_result_that_nobody_kept_is_held_while_it_is_made() -> None:
    assert held_bytes((Allocation(10, 2, 1),), 4) == (0, 0, 10, 0)


def test_a_chain_holds_two_at_a_time() -> None:
    chain = [Allocation(size, index, index + 1) for index, size in enumerate((10, 20, 30, 5))]
    assert held_bytes(chain, 4) == (10, 10 + 20, 20 + 30, 30 + 5)
    assert peak_bytes(chain, 4) == 20 + 30


def test_a_residual_is_held_across_its_branch() -> None:
    assert (
        peak_bytes([Allocation(10, 0, 3), Allocation(4, 1, 2), Allocation(4, 2, 3), Allocation(10, 3)], 4)
        == 10 + 4 + 10
    )
