"""Which changes exclude each other: those of one layer, of a module around it, and of neighbours that rely on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.values.layer_patterns import holders

Row = tuple[int, ...]
"""Places of changes of which one at most may be made."""


@dataclass(frozen=True, slots=True)
class Change:
    """What decides which other changes a change can be made with."""

    rule: str
    paths: frozenset[str]
    """The layers that it replaces."""
    not_beside: frozenset[str] = frozenset()
    """Neighbouring layers to which the same rule must not be applied at once."""

    def is_unsound_beside(self, other: Change) -> bool:
        """Whether the same rule would change two neighbours of which each relies on the other."""
        return self.rule == other.rule and bool(other.paths & self.not_beside and self.paths & other.not_beside)


def exclusions(changes: Sequence[Change]) -> Iterator[Row]:
    """All that replace one layer; each with those that replace a module around it, and with unsound neighbours.

    Changes that share no row can be made together, and what they save then adds up.
    """
    by_path: dict[str, list[int]] = defaultdict(list)
    for place, change in enumerate(changes):
        for path in sorted(change.paths):
            by_path[path].append(place)
    yield from map(tuple, by_path.values())
    for place, change in enumerate(changes):
        around = {above for path in change.paths for above in holders(path)} - change.paths
        near = {other for path in (*around, *change.not_beside) for other in by_path.get(path, ())}
        for other in sorted(near - {place}):
            is_around = not around.isdisjoint(changes[other].paths)
            if is_around or (other > place and change.is_unsound_beside(changes[other])):
                yield place, other
