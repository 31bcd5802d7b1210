"""Joules by arithmetic at the constants of a 45 nm process."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from analyzer.estimating.energy import DRAM_BYTE, energy_estimate, joules
from analyzer.estimating.work import OperatorWork
from analyzer.formulas.count import Count

Counted = Callable[..., Count]


def test_a_linear_layer(counted: Counted) -> None:
    found = energy_estimate(counted(nn.Linear(100, 10, bias=False), 1, 100))
    assert found is not None
    assert found.arithmetic == pytest.approx(1000 * (3.7 + 0.9) * 1e-12)
    assert found.movement == pytest.approx((100 + 1000 + 10) * 4 * 160e-12)
    assert [layer.path for layer in found.layers] == [""]
    assert found.span.low < found.arithmetic + found.movement < found.span.high


def test_a_word_of_dram_costs_what_140_multiply_adds_do() -> None:
    assert pytest.approx(140, rel=0.02) == 4 * DRAM_BYTE / (3.7 + 0.9)


@pytest.mark.parametrize(("dtype", "per_mac"), [("float16", 1.5), ("int8", 0.23), ("float32", 4.6)])
def test_constants_follow_the_data_type(dtype: str, per_mac: float) -> None:
    arithmetic, movement = joules(OperatorWork("", "linear", 20, 100, macs=10, dtype=dtype), dtype)
    assert arithmetic == pytest.approx(10 * per_mac * 1e-12)
    assert movement == pytest.approx(100 * 160e-12)


def test_half_precision_moves_half(counted: Counted) -> None:
    full = energy_estimate(counted(nn.Linear(64, 64), 1, 64))
    half = energy_estimate(counted(nn.Linear(64, 64).half(), 1, 64, dtype=torch.float16))
    assert full is not None
    assert half is not None
    assert half.movement == full.movement / 2
    assert half.dtype == "float16"


def test_a_data_type_without_constants_has_no_estimate(counted: Counted) -> None:
    assert energy_estimate(counted(nn.Linear(8, 8).double(), 1, 8, dtype=torch.float64)) is None


def test_it_says_what_it_is(counted: Counted) -> None:
    found = energy_estimate(counted(nn.Linear(8, 8), 1, 8))
    assert found is not None
    assert "45 nm" in found.assumptions[0]
    assert "Horowitz" in found.assumptions[0]
    assert "fewer bytes" in found.assumptions[1]
