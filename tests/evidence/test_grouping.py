"""The best grouping of a weight: planted groups are found again, and noise keeps what was measured of noise."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from analyzer.evidence import grouping
from analyzer.evidence.grouping import _affinity as affinity
from analyzer.evidence.grouping import _pairings, best_grouping, energies, in_random_places, kept_with


def planted(channels: tuple[int, int], groups: int, noise: float, kernel: tuple[int, ...] = (3, 3)) -> Tensor:
    """Blocks of strength 1 in a background of `noise`, all channels then shuffled."""
    random = torch.Generator().manual_seed(0)
    weight = noise * torch.randn(*channels, *kernel, generator=random)
    rows, columns = channels[0] // groups, channels[1] // groups
    for block in range(groups):
        inside = (slice(block * rows, (block + 1) * rows), slice(block * columns, (block + 1) * columns))
        weight[inside] = torch.randn(rows, columns, *kernel, generator=random)
    shuffled = weight[torch.randperm(channels[0], generator=random)]
    return shuffled[:, torch.randperm(channels[1], generator=random)]


def gaussian(channels: int, seed: int = 0) -> Tensor:
    return torch.randn(channels, channels, 3, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("channels", "groups", "kernel"),
    [
        ((64, 64), 4, (3, 3)),
        ((48, 24), 3, (5,)),
        ((16, 32), 2, (3, 3, 3)),
        ((128, 128), 8, (1, 1)),
        ((30, 20), 5, (3,)),
    ],
)
def test_planted_groups_are_found(channels: tuple[int, int], groups: int, kernel: tuple[int, ...]) -> None:
    weight = planted(channels, groups, noise=0.0, kernel=kernel)
    found = best_grouping(weight, groups)
    assert found.kept == pytest.approx(1.0, abs=1e-9)
    reordered = energies(weight)[list(found.rows)][:, list(found.columns)]
    blocks = reordered.reshape(groups, channels[0] // groups, groups, channels[1] // groups).sum((1, 3))
    assert blocks.diagonal().sum() == pytest.approx(float(blocks.sum()))
    assert (blocks - torch.diag(blocks.diagonal())).abs().max() == 0


def test_planted_groups_under_noise() -> None:
    weight = planted((64, 64), 4, noise=0.05)
    found = best_grouping(weight, 4)
    assert found.kept >= 0.99  # the truth is 1 / (1 + 3 · 0.05²) = 0.9926
    assert found.kept == pytest.approx(1 / (1 + 3 * 0.05**2), abs=0.001)
    assert kept_with(energies(weight), 4, False, False) == pytest.approx(0.265, abs=0.02)


def test_orders_are_permutations() -> None:
    found = best_grouping(gaussian(24), 4)
    assert sorted(found.rows) == sorted(found.columns) == list(range(24))


def test_one_group_is_the_dense_layer() -> None:
    found = best_grouping(gaussian(8), 1)
    assert (found.kept, found.rows) == (1.0, tuple(range(8)))


@pytest.mark.parametrize("groups", [3, 5, 7])
def test_groups_that_do_not_divide(groups: int) -> None:
    with pytest.raises(ValueError, match=f"{groups} groups do not divide 8 and 8 channels"):
        best_grouping(gaussian(8), groups)


@pytest.mark.parametrize(("groups", "measured"), [(2, 0.539), (4, 0.301), (8, 0.174)])
def test_noise_of_64_channels(groups: int, measured: float) -> None:
    assert best_grouping(gaussian(64), groups).kept == pytest.approx(measured, abs=0.006)


@pytest.mark.parametrize(("groups", "measured"), [(2, 0.520), (8, 0.151)])
def test_noise_of_256_channels(groups: int, measured: float) -> None:
    assert best_grouping(gaussian(256), groups).kept == pytest.approx(measured, abs=0.003)


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_chance_is_what_the_search_finds_in_noise(groups: int) -> None:
    weight = gaussian(64, seed=3)
    found = best_grouping(weight, groups).kept
    assert kept_with(in_random_places(energies(weight)), groups, True, True) == pytest.approx(found, abs=0.01)
    assert found > 1 / groups + 0.03  # the reason why 1 / groups is no fair comparison


def test_chance_forgets_the_structure() -> None:
    weight = planted((64, 64), 4, noise=0.05)
    assert 0.25 < kept_with(in_random_places(energies(weight)), 4, True, True) < 0.5 < best_grouping(weight, 4).kept


def test_the_answer_is_always_the_same() -> None:
    weight = gaussian(32)
    before = torch.get_rng_state()
    assert best_grouping(weight, 4) == best_grouping(weight.clone(), 4)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("weight", "groups", "starts"), [(gaussian(64), 4, 8), (torch.ones(512, 512, 1, 1), 8, 2)])
def test_wide_layers_are_searched_from_fewer_starts(
    weight: Tensor, groups: int, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        grouping, "_affinity", lambda energy, members: seen.append(len(members)) or affinity(energy, members)
    )
    best_grouping(weight, groups)
    assert set(seen) == {starts}


@pytest.mark.parametrize("groups", [2, 3, 4, 7, 8])
def test_every_two_groups_meet_once(groups: int) -> None:
    rounds = [list(zip(first.tolist(), second.tolist(), strict=True)) for first, second in _pairings(groups)]
    met = sorted(tuple(sorted(pair)) for pairs in rounds for pair in pairs)
    assert met == list(combinations(range(groups), 2))
    assert all(len({group for pair in pairs for group in pair}) == 2 * len(pairs) for pairs in rounds)
