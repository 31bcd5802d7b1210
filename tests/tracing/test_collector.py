"""What is there already is not walked by Python's collector, and is as before afterwards."""

import gc

import pytest

from analyzer.tracing.collector import collector_spared


def test_what_is_there_is_spared_within_the_block_alone() -> None:
    def outer() -> None:
        with collector_spared():
            assert gc.get_freeze_count() > 0
            with collector_spared():
                assert gc.get_freeze_count() > 0
            assert gc.get_freeze_count() > 0
            raise ZeroDivisionError

    gc.unfreeze()
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError):
        outer()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


@pytest.mark.parametrize(("found", "within"), [(700, 50_000), (100_000, 100_000), (0, 0)])
def test_it_looks_seldom_and_never_where_it_did_not(found: int, within: int) -> None:
    before = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(found, 5, 7)
    try:
        with collector_spared():
            assert gc.get_threshold() == (within, 5, 7)
        assert gc.get_threshold() == (found, 5, 7)
    finally:
        gc.set_threshold(*before)


def test_what_somebody_else_spared_stays_so() -> None:
    mine: list[object] = []

    def is_spared() -> bool:
        return not any(found is mine for found in gc.get_objects())

    assert not is_spared()
    gc.freeze()
    try:
        with collector_spared():
            assert is_spared()
        assert is_spared()
    finally:
        gc.unfreeze()
    assert not is_spared()
