"""The calibrated table is whole and says how far it was off."""

from typing import get_args

from analyzer.estimating.efficiency import calibrated
from analyzer.estimating.work import Kind


def test_every_class_has_its_efficiencies() -> None:
    table = calibrated()
    assert set(table.classes) == set(get_args(Kind))
    for efficiency in table.classes.values():
        assert min(efficiency.arithmetic, efficiency.bandwidth) > 0
        assert 1e-6 < efficiency.overhead < 1e-3


def test_the_error_is_what_is_aimed_at() -> None:
    error = calibrated().error
    assert error.networks >= 25
    assert error.median < 0.15
    assert error.rank_correlation > 0.97
    assert error.family_median < 0.15
    assert error.unseen >= 20
    assert error.unseen_median < 0.15


def test_single_layers_are_less_certain_than_networks() -> None:
    assert calibrated().layer_spread > calibrated().spread > 1
