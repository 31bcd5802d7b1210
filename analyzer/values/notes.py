"""What rules and weights say, as data: which statement it is and what stands in it; its words are formats' to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = int | float | str | tuple["Value", ...]
"""Of a note: a number, a name or path, or several; a share is a float of 1."""


@dataclass(frozen=True, slots=True)
class Note:
    """One statement; `formats.wording.rule_words` has a template for each kind."""

    kind: str
    values: tuple[tuple[str, Value], ...] = ()
    """By the name that the template has for it; a name says the unit: params, macs, bytes."""


def note(kind: str, **values: Value) -> Note:
    """The statement of that kind with these values in it."""
    return Note(kind, tuple(values.items()))


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """One of the ways that a rule offers, told apart from the others by its name and the numbers in it."""

    name: str
    """Hyphenated, with {} for each number: "{}-groups", "pointwise-first"."""
    numbers: tuple[int, ...] = ()

    @property
    def word(self) -> str:
        """The one that --apply takes: "4-groups"."""
        return self.name.format(*self.numbers)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Share of the weight energy ‖W‖² that a proposal could keep, beside what it would keep of random weights."""

    change: Note
    """What is proposed."""
    kept: float
    null: float
    is_weighted: bool = False
    """Each input channel counts as much as the batch normalization before it lets through."""
    details: tuple[Note, ...] = ()
    """Further numbers."""

    @property
    def excess(self) -> float:
        """How much more is kept than of random weights: what the evidence is."""
        return self.kept - self.null


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """Weights that say nothing about any proposal, and why."""

    reason: Literal["not finite", "zero", "untrained", "too long"]
