"""One choice a layer with the least predicted harm in all under every budget: a multiple-choice knapsack, by HiGHS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.fitting.layer_choices import LayerChoice

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

SECONDS = 20.0
"""What one programme may take; HiGHS then tells how far its plan may be from the best one."""
GAP = 1e-4
"""How far a plan's harm may be above the least there is, as a share, for the search to end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice with its predicted harm and what it takes off each metric."""

    choice: LayerChoice
    harm: float
    saved: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Solution:
    """The chosen candidates, their harm in all, and the gap to the bound: 0 where they are the best."""

    chosen: tuple[Candidate, ...]
    harm: float
    gap: float


Exclusions = Sequence[tuple[int, int]]
"""Pairs of candidates, by their places, of which one at most may be taken."""


def solved(
    candidates: Sequence[Candidate],
    needed: Mapping[str, float],
    exclusions: Exclusions = (),
    seconds: float = SECONDS,
    gap: float = GAP,
) -> Solution | None:
    """The least harm that saves at least `needed` of every metric; None where nothing does.

    min hᵀx with Σ x ≤ 1 a layer, Sx ≥ needed, x binary. The harm is a prediction: the plan is best for it, and not for
    accuracy.
    """
    if not any(amount > 0 for amount in needed.values()):
        return Solution((), 0.0, 0.0)
    if not candidates:
        return None
    return _milp(candidates, needed, exclusions, {"time_limit": seconds, "mip_rel_gap": gap})


def _milp(
    candidates: Sequence[Candidate], needed: Mapping[str, float], exclusions: Exclusions, options: Mapping[str, float]
) -> Solution | None:
    import numpy as np
    from scipy.optimize import Bounds, milp

    harms = np.array([item.harm for item in candidates])
    size = max(float(harms.max()), 1e-30)
    found = milp(
        harms / size,
        integrality=np.ones(len(candidates)),
        bounds=Bounds(0, 1),
        constraints=list(_constraints(candidates, needed, exclusions)),
        options=dict(options),
    )
    if found.x is None:
        return None
    chosen = tuple(item for item, value in zip(candidates, found.x, strict=True) if value > 0.5)
    return Solution(chosen, sum(item.harm for item in chosen), float(found.mip_gap or 0.0))


def _constraints(
    candidates: Sequence[Candidate], needed: Mapping[str, float], exclusions: Exclusions
) -> Iterator[LinearConstraint]:
    """One choice a layer at most, enough saved of each metric, and one of each excluded pair at most."""
    import numpy as np
    from scipy.optimize import LinearConstraint

    rows = {path: row for row, path in enumerate(dict.fromkeys(item.choice.path for item in candidates))}
    layers = [rows[item.choice.path] for item in candidates]
    yield _one_at_most(layers, range(len(candidates)), len(candidates))
    for metric, amount in needed.items():
        size = max(abs(amount), 1.0)
        yield LinearConstraint(np.array([[item.saved[metric] / size for item in candidates]]), amount / size)
    if exclusions:
        twice = [row for row, _ in enumerate(exclusions) for _ in range(2)]
        yield _one_at_most(twice, [place for pair in exclusions for place in pair], len(candidates))


def _one_at_most(rows: Sequence[int], columns: Sequence[int], width: int) -> LinearConstraint:
    """Of the columns of each row."""
    import numpy as np
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    table = csr_array((np.ones(len(rows)), (rows, columns)), shape=(max(rows) + 1, width))
    return LinearConstraint(table, -np.inf, 1)
