"""Of suggestions that exclude each other those with the least harm for a saving: an integer programme, by HiGHS."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.advising.ranking import Advised
from analyzer.values.advice import Saving
from analyzer.values.exclusions import exclusions

SECONDS = 2.0
"""What one programme may take; with a hundred layers it takes some hundredths."""
GAP = 1e-3
"""Of the least harm, what the one that is found may be above it."""


def least_harm(options: Sequence[Advised], harms: Sequence[float], wanted: Saving) -> tuple[Advised, ...] | None:
    """min hᵀx with Sx ≥ wanted, x binary, and of options that cannot be made together one at most, in their order.

    None where nothing was found in time. Harms are taken to add up, which small ones nearly do.
    """
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    saved = [item.advice.saved or Saving(0, 0) for item in options]
    table = np.array([[item.params for item in saved], [item.macs for item in saved]], dtype=float)
    needed = np.array([wanted.params, wanted.macs], dtype=float)
    size = np.maximum(needed, 1.0)
    rows = list(exclusions([item.change for item in options]))
    places = [number for number, row in enumerate(rows) for _ in row]
    taken = [place for row in rows for place in row]
    excluded = csr_array((np.ones(len(taken)), (places, taken)), shape=(len(rows), len(options)))
    found = milp(
        np.array(harms) / max(*harms, 1e-30),
        integrality=np.ones(len(options)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(table / size[:, None], needed / size), LinearConstraint(excluded, -np.inf, 1)],
        options={"time_limit": SECONDS, "mip_rel_gap": GAP},
    )
    if found.x is None:
        return None
    return tuple(item for item, value in zip(options, found.x, strict=True) if value > 0.5)
