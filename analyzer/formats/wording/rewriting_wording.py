"""What was applied to a model, in sentences: which change, how far its layers are off, what was left out."""

from collections.abc import Iterator

from analyzer.formats.wording.numbers import plural
from analyzer.values.advice import AppliedChange, Rewriting

MOST = 12
UNSOUND = "it would not be sound beside what was applied: groups would never meet, or a layer would change twice"


def headline(rewriting: Rewriting) -> str:
    """How much was applied, and how far the whole model's output is off."""
    told = f"{plural(len(rewriting.changes), 'change')} applied"
    if rewriting.error is None:
        return told
    return f"{told}; the whole model's output is off by {_percent(rewriting.error)} on random input"


def lines(rewriting: Rewriting, most: int = MOST) -> Iterator[str]:
    """A sentence a change, what is left out last; no more than so many of each."""
    yield from map(_applied, rewriting.changes[:most])
    if len(rewriting.changes) > most:
        yield f"{len(rewriting.changes) - most} more"
    yield from (f"{_name(change)} was left out: {UNSOUND}" for change in rewriting.left_out[:most])
    if len(rewriting.left_out) > most:
        yield f"{len(rewriting.left_out) - most} more left out"


def _applied(change: AppliedChange) -> str:
    if change.is_fresh:
        return f"{_name(change)}: starts from new weights"
    if change.error is None:
        return f"{_name(change)}: applied"
    return f"{_name(change)}: its output is off by {_percent(change.error)} on random input"


def _name(change: AppliedChange) -> str:
    return f"{change.rule} {change.name} at {change.path or 'the model itself'}"


def _percent(error: float) -> str:
    return f"{error:.2%}" if error >= 5e-5 else f"{error:.0e} of it" if error else "nothing"
