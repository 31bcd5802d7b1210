"""One choice a layer with the least predicted harm in all under every budget: a multiple-choice knapsack, by HiGHS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzer.fitting.layer_choices import LayerChoice

SECONDS = 20.0
"""What one programme may take; HiGHS then tells how far its plan may be from the best one."""


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
    candidates: Sequence[Candidate], needed: Mapping[str, float], exclusions: Exclusions = ()
) -> Solution | None:
    """The least harm that saves at least `needed` of every metric; None where nothing does.

    min hᵀx with Σ x ≤ 1 a layer, Sx ≥ needed, x binary. The harm is a prediction: the plan is best for it, and not for
    accuracy.
    """
    if not any(amount > 0 for amount in needed.values()):
        return Solution((), 0.0, 0.0)
    if not candidates:
        return None
    return _milp(candidates, needed, exclusions)


def _milp(candidates: Sequence[Candidate], needed: Mapping[str, float], exclusions: Exclusions) -> Solution | None:
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    columns = len(candidates)
    paths = {path: row for row, path in enumerate(dict.fromkeys(item.choice.path for item in candidates))}
    rows = [paths[item.choice.path] for item in candidates]
    one = csr_array((np.ones(columns), (rows, np.arange(columns))), shape=(len(paths), columns))
    constraints = [LinearConstraint(one, -np.inf, 1)]
    for metric, amount in needed.items():
        size = max(abs(amount), 1.0)
        constraints.append(LinearConstraint(np.array([[c.saved[metric] / size for c in candidates]]), amount / size))
    if exclusions:
        pairs = np.array([place for pair in exclusions for place in pair])
        table = csr_array((np.ones(len(pairs)), (np.arange(len(pairs)) // 2, pairs)), shape=(len(pairs) // 2, columns))
        constraints.append(LinearConstraint(table, -np.inf, 1))
    harms = np.array([item.harm for item in candidates])
    size = max(float(harms.max()), 1e-30)
    found = milp(
        harms / size,
        integrality=np.ones(columns),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"time_limit": SECONDS, "mip_rel_gap": 1e-4},
    )
    if found.x is None:
        return None
    chosen = tuple(item for item, value in zip(candidates, found.x, strict=True) if value > 0.5)
    return Solution(chosen, sum(item.harm for item in chosen), float(found.mip_gap or 0.0))
