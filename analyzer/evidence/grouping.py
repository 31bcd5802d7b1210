"""How much of a dense weight a grouped convolution could keep, with its channels in the best order found.

Groups in the place of a trained dense layer: Peng et al. 2018 (filter group approximation); that a shuffle lets the
groups meet again: Zhang et al. 2018 (ShuffleNet).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

STARTS = 8
"""Random orders that the search begins with."""
ROUNDS = 30
EXCHANGES = 240
"""Exchanges on each side that a search may make: with many groups a round has many, and there are fewer rounds."""
TOLERANCE = 5e-4
"""The search ends when a round gains less than this."""
WORK = 1 << 22
"""Cells of the energy matrix times groups times starts that a search may visit in a round."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """A balanced split of the channels, and the share of the weight energy that lies inside its blocks."""

    kept: float
    rows: tuple[int, ...]
    """Output channels, group after group."""
    columns: tuple[int, ...]
    """Input channels, group after group: the grouped convolution reads its input in this order."""


def best_grouping(weight: Tensor, groups: int) -> Grouping:
    """The best split found of a dense weight (Cout, Cin, *kernel) into `groups` equal blocks, always the same one.

    With S_ij the energy of the kernel from j to i, kept = Σ_blocks S / Σ S. The best one is a balanced biclustering,
    hard in general; alternating between rows and columns from several starts finds planted ones.
    ValueError when the groups do not divide both channel counts.
    """
    energy = energies(weight)
    if energy.shape[0] % groups or energy.shape[1] % groups:
        raise ValueError(f"{groups} groups do not divide {energy.shape[1]} and {energy.shape[0]} channels")
    return _best(energy, groups)


def best_rows(weight: Tensor, groups: int) -> tuple[int, ...]:
    """Output channels, group after group, that fit the input channels best where these stay in their present order."""
    return _rows_for(energies(weight), groups)


def _rows_for(energy: Tensor, groups: int) -> tuple[int, ...]:
    rows, columns = (torch.arange(size).reshape(1, groups, -1) for size in energy.shape)
    affinity = _affinity(energy, columns)
    for _ in range(ROUNDS):
        better = _exchanged(affinity, rows)
        if torch.equal(better, rows):
            break
        rows = better
    return tuple(rows.sort(2).values.flatten().tolist())


def energies(weight: Tensor) -> Tensor:
    """S_ij = Σ_k W²_ijk, (Cout, Cin)."""
    return weight.detach().to("cpu", torch.float32).flatten(2).square().sum(2)


def in_random_places(energy: Tensor) -> Tensor:
    """The same energies (Cout, Cin), shuffled: what is kept of them is chance."""
    order = torch.randperm(energy.numel(), generator=torch.Generator().manual_seed(1))
    return energy.flatten()[order].reshape(energy.shape)


def kept_with(energy: Tensor, groups: int, inputs: bool, outputs: bool, effort: float = 1.0) -> float:
    """Share of the energies (Cout, Cin) that the groups keep where only these sides' channels can be reordered."""
    if inputs and outputs:
        return _best(energy, groups, effort).kept
    if outputs:
        return _inside(energy[list(_rows_for(energy, groups))], groups)
    return kept_with(energy.T, groups, False, True) if inputs else _inside(energy, groups)


def _best(energy: Tensor, groups: int, effort: float = 1.0) -> Grouping:
    """As `best_grouping`, from the energies (Cout, Cin); a lesser effort has fewer starts and rounds."""
    starts = max(1 if effort < 1 else 2, min(round(STARTS * effort), WORK // (energy.numel() * groups)))
    random = torch.Generator().manual_seed(0)
    # (starts, groups, channels / groups): which channels each group holds
    orders = (torch.rand(starts, channels, generator=random).argsort(1) for channels in energy.shape)
    rows, columns = (order.reshape(starts, groups, -1) for order in orders)
    best = torch.tensor(-1.0)
    for _ in range(max(2, round(effort * max(6, min(ROUNDS, EXCHANGES // groups))))):
        rows = _exchanged(_affinity(energy, columns), rows)
        affinity = _affinity(energy.T, rows)
        columns = _exchanged(affinity, columns)
        inside = affinity.gather(2, columns).sum((1, 2))
        if inside.max() <= best * (1 + TOLERANCE):
            break
        best = inside.max()
    winner = int(inside.argmax())
    order = rows[winner].amin(1).argsort()  # groups by their first output channel: one name for one split
    found = [side[winner][order].sort(1).values.flatten() for side in (rows, columns)]
    kept = _inside(energy[found[0]][:, found[1]], groups)
    return Grouping(kept, *(tuple(side.tolist()) for side in found))


def _inside(energy: Tensor, groups: int) -> float:
    """Share of the energy in the blocks on the diagonal."""
    blocks = energy.double().reshape(groups, energy.shape[0] // groups, groups, energy.shape[1] // groups)
    return float(blocks.sum((1, 3)).diagonal().sum() / blocks.sum())


def _affinity(energy: Tensor, members: Tensor) -> Tensor:
    """(starts, groups, rows): energy between each row and the columns of each group."""
    starts, groups, _ = members.shape
    inside = torch.zeros(starts, groups, energy.shape[1]).scatter_(2, members, 1.0)
    return inside @ energy.T


def _exchanged(affinity: Tensor, members: Tensor) -> Tensor:
    """Every two groups share out what they hold by which of them it fits better: never worse than before."""
    members, half = members.clone(), members.shape[2]
    for first, second in _pairings(members.shape[1]):
        both = torch.cat((members[:, first], members[:, second]), 2)
        gain = (affinity[:, first] - affinity[:, second]).gather(2, both)
        both = both.gather(2, gain.argsort(dim=2, descending=True, stable=True))
        members[:, first], members[:, second] = both[..., :half], both[..., half:]
    return members


@cache
def _pairings(groups: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """All pairs of groups, in rounds of pairs that have no group in common (a round-robin tournament)."""
    return tuple(_tournament(groups)) if groups > 1 else ()


def _tournament(groups: int) -> Iterator[tuple[Tensor, Tensor]]:
    seats = list(range(groups + groups % 2))  # with an odd number, who meets the extra one has a rest
    half = len(seats) // 2
    for _ in range(len(seats) - 1):
        pairs = [pair for pair in zip(seats[:half], reversed(seats[half:]), strict=True) if max(pair) < groups]
        first, second = torch.tensor(pairs).T
        yield first, second
        seats = [seats[0], seats[-1], *seats[1:-1]]
