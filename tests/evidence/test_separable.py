"""Depthwise and pointwise terms: planted kernels are exact, noise keeps what was measured of noise."""

import pytest
import torch
from torch import Tensor

from analyzer.evidence.separable import (
    FEWEST,
    _gaussian_curve,
    break_even,
    curve,
    noise_curve,
    sampled_channels,
    terms_for,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def depthwise_then_pointwise(outputs: int, inputs: int, kernel: tuple[int, ...], terms: int) -> Tensor:
    """W[o, i, t] = Σ_K pointwise[o, i] · depthwise[i, t]."""
    pairs = [(normal(outputs, inputs, seed=k), normal(inputs, *kernel, seed=100 + k)) for k in range(terms)]
    return sum(torch.einsum("oi,i...->oi...", pointwise, depthwise) for pointwise, depthwise in pairs)


def pointwise_then_depthwise(outputs: int, inputs: int, kernel: tuple[int, ...]) -> Tensor:
    return torch.einsum("oi,o...->oi...", normal(outputs, inputs), normal(outputs, *kernel, seed=1))


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (5, 3), (3, 3, 3)])
def test_separable_kernels_take_one_term_in_their_order(kernel: tuple[int, ...]) -> None:
    assert curve(depthwise_then_pointwise(24, 16, kernel, terms=1), True)[0] == pytest.approx(1, abs=1e-5)
    assert curve(pointwise_then_depthwise(24, 16, kernel), False)[0] == pytest.approx(1, abs=1e-5)
    assert curve(pointwise_then_depthwise(24, 16, kernel), True)[0] < 0.9


def test_two_terms_are_needed_where_two_were_planted() -> None:
    kept = curve(depthwise_then_pointwise(24, 16, (3, 3), terms=2), True)
    assert kept[0] < 0.95
    assert kept[1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("outputs", "inputs", "first", "last"), [(64, 8, 9, 8), (5, 64, 5, 9)])
def test_all_terms_are_the_kernel(outputs: int, inputs: int, first: int, last: int) -> None:
    weight = normal(outputs, inputs, 3, 3)
    for order, terms in ((True, first), (False, last)):  # min(Cout, k²) and min(Cin, k²)
        assert len(curve(weight, order)) == terms
        assert curve(weight, order)[-1] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("channels", "measured"), [(64, 0.187), (128, 0.163), (256, 0.148), (512, 0.137)])
def test_noise_at_one_term(channels: int, measured: float) -> None:
    assert _gaussian_curve(channels, 9)[0] == pytest.approx(measured, abs=0.003)
    upper_edge = (channels**0.5 + 3) ** 2 / (9 * channels)  # Marchenko-Pastur
    assert _gaussian_curve(channels, 9)[0] < upper_edge


def test_noise_at_every_term() -> None:
    measured = (0.148, 0.283, 0.409, 0.526, 0.635, 0.738, 0.833, 0.921, 1)
    assert _gaussian_curve(256, 9) == pytest.approx(measured, abs=0.003)


def test_noise_is_as_separable_as_its_null() -> None:
    weight = normal(32, 48, 3, 3)
    for order in (True, False):
        assert curve(weight, order) == pytest.approx(noise_curve(weight, order), abs=0.015)


def test_inputs_of_unequal_strength_raise_the_null_of_pointwise_first_alone() -> None:
    weight, scale = normal(32, 48, 3, 3), torch.linspace(0.01, 4, 48) ** 2
    assert noise_curve(weight, True, scale) == noise_curve(weight, True)
    assert noise_curve(weight, False, scale)[0] > noise_curve(weight, False)[0] + 0.02
    weighted = curve(weight * scale[:, None, None], False)
    assert weighted == pytest.approx(noise_curve(weight, False, scale), abs=0.015)


def test_terms_for_a_share() -> None:
    assert terms_for(0.95, (0.5, 0.949, 0.951, 1.0)) == 3
    assert terms_for(0.95, (0.96, 1.0)) == 1
    assert terms_for(2.0, (0.96, 1.0)) == 2


@pytest.mark.parametrize(("channels", "terms"), [(64, 7), (256, 8), (8, 4), (1, 0), (9, 4)])
def test_break_even(channels: int, terms: int) -> None:
    assert break_even(channels, 9) == terms
    assert terms * (9 + channels) < 9 * channels <= (terms + 1) * (9 + channels)


def test_many_taps_are_judged_by_a_sample() -> None:
    assert sampled_channels(torch.empty(512, 512, 3, 3), True) is None
    assert sampled_channels(torch.empty(512, 512, 7, 7), True) == 30_000_000 // (49 * 49 * 512)
    assert sampled_channels(torch.empty(256, 256, 15, 15), True) == FEWEST
