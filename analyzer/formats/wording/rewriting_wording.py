"""What was applied to a model, in sentences: which change, how far its layers are off, what was left out."""

from collections.abc import Iterator

from analyzer.formats.wording.numbers import ITSELF, plural
from analyzer.values.advice import AppliedChange, CalibrationError, Rewriting

MOST = 12
UNSOUND = "it would not be sound beside what was applied: groups would never meet, or dilations leave gaps"


def headline(rewriting: Rewriting) -> str:
    """How much was applied, and how far the whole model's output is off."""
    applied = f"{plural(len(rewriting.changes), 'change')} applied"
    if rewriting.on_calibration is not None:
        given = _on_calibration(rewriting.on_calibration)
        return f"{applied}; the whole model's output is off by {given} (inputs from {rewriting.calibration}, held out)"
    if rewriting.error is None:
        return applied
    return f"{applied}; the whole model's output is off by {_percent(rewriting.error)} on random input"


def lines(rewriting: Rewriting, most: int = MOST) -> Iterator[str]:
    """A sentence a change, what is left out last; no more than so many of each."""
    yield from map(_applied, rewriting.changes[:most])
    if len(rewriting.changes) > most:
        yield f"{len(rewriting.changes) - most} more"
    yield from map(_left_out, rewriting.left_out[:most])
    if len(rewriting.left_out) > most:
        yield f"{len(rewriting.left_out) - most} more left out"


def _left_out(change: AppliedChange) -> str:
    if change.instead is None:
        return f"{_name(change)} was left out: {UNSOUND}"
    rule, path = change.instead
    return f"{_name(change)} was left out: {rule} at {path or ITSELF} changes its layer"


def _applied(change: AppliedChange) -> str:
    if change.is_fresh:
        return f"{_name(change)}: starts from new weights"
    if change.error is None:
        return f"{_name(change)}: applied"
    by_itself = f"{_name(change)}: its output is off by {_percent(change.error)} on random input"
    if change.on_calibration is None:
        return by_itself
    return f"{by_itself}; within the model by {_on_calibration(change.on_calibration)}"


def _on_calibration(error: CalibrationError) -> str:
    if error.reestimated is None:
        return f"{_percent(error.carried)} on calibration inputs (there is no batch normalization to estimate anew)"
    carried, anew = _percent(error.carried), _percent(error.reestimated)
    return f"{carried} on calibration inputs, {anew} with batch normalization estimated anew"


def _name(change: AppliedChange) -> str:
    return f"{change.rule} {change.name} at {change.path or ITSELF}"


def _percent(error: float) -> str:
    return f"{error:.2%}" if error >= 5e-5 else f"{error:.0e} of it" if error else "nothing"
