"""The siblings that proposals merge, and the module whose forward calls them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.values.convolution import PartOf, Proposal
from analyzer.values.errors import Problem
from analyzer.values.layer_patterns import holders


@dataclass(frozen=True)
class Siblings:
    """Layers that become one convolution, by their paths within the innermost module that holds all of them."""

    holder: str
    layers: tuple[str, ...]
    channels: tuple[int, ...]


def siblings_in(proposals: Iterable[Proposal]) -> list[Siblings]:
    """Those of the proposals, of inner modules first: what holds these is followed through what became of them."""
    found = (_siblings(proposal) for proposal in proposals)
    return sorted(filter(None, found), key=lambda item: -len(item.holder.split(".")) if item.holder else 0)


def _siblings(proposal: Proposal) -> Siblings | None:
    parts = [unit for _, units in proposal.replacements for unit in units if isinstance(unit, PartOf)]
    if not parts:
        return None
    paths = [path for path, _ in proposal.replacements]
    shared = [above for above in holders(paths[0]) if all(above in holders(path) for path in paths)]
    inside = tuple(path.removeprefix(f"{shared[0]}.") if shared[0] else path for path in paths)
    return Siblings(shared[0], inside, (parts[0].start, *(part.end - part.start for part in parts)))


def cannot_be_followed(found: Siblings) -> Problem:
    """What is said where the forward around the siblings cannot be written anew."""
    return Problem(
        f"{found.holder or 'the model itself'}: torch.fx cannot follow its forward to {' and '.join(found.layers)}, so "
        "they cannot be merged; leave them out"
    )
