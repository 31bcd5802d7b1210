"""How much memory the forward holds at once, from when each piece was allocated and let go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from analyzer.values.graph import Allocation


def held_bytes(allocations: Sequence[Allocation], operators: int) -> tuple[int, ...]:
    """Bytes held while each operator runs: what was born by then and is freed no earlier."""
    change = [0] * (operators + 1)
    for allocation in allocations:
        change[allocation.born] += allocation.nbytes
        if allocation.freed is not None and allocation.freed < operators:
            change[max(allocation.freed, allocation.born) + 1] -= allocation.nbytes
    return tuple(accumulate(change[:operators]))


def peak_bytes(allocations: Sequence[Allocation], operators: int) -> int:
    """The most bytes that are held at any operator; 0 when nothing ran."""
    return max(held_bytes(allocations, operators), default=0)
