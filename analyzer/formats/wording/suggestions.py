"""Advice sorted by what it asks of its reader, and each piece as one sentence."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.formats.wording.numbers import exact, share
from analyzer.values.results import Advice, Analysis, Saving, Total

EFFORTS = {"none": "output unchanged", "finetune": "needs finetuning", "retrain": "needs retraining"}


def restructurings(analysis: Analysis) -> tuple[Advice, ...]:
    """Proposals that change what the model computes."""
    return tuple(advice for advice in analysis.advice if advice.proposed is not None and advice.effort != "none")


def exact_changes(analysis: Analysis) -> tuple[Advice, ...]:
    """Proposals that leave the output as it is."""
    return tuple(advice for advice in analysis.advice if advice.proposed is not None and advice.effort == "none")


def facts(analysis: Analysis) -> tuple[Advice, ...]:
    """What is there, with nothing to put in its place."""
    return tuple(advice for advice in analysis.advice if advice.proposed is None)


def alike(found: Sequence[Advice]) -> list[tuple[Advice, ...]]:
    """Layers of which the same is said and that save the same, together; each group where its first one stands."""
    groups: dict[Advice, list[Advice]] = {}
    for advice in found:
        said = replace(advice, path="", file=None, line=None, replacements=())
        groups.setdefault(said, []).append(advice)
    return [tuple(group) for group in groups.values()]


def place(advice: Advice) -> str:
    """The layer's path, or that it is the model itself."""
    return advice.path or "the model itself"


def sentence(advice: Advice, total: Total) -> str:
    """What is there, what could be, what that saves and what it takes, as plain text."""
    if advice.proposed is None:
        return f"{place(advice)}: {'; '.join((advice.current, *advice.notes))}"
    terms = [EFFORTS.get(advice.effort, advice.effort), advice.bound, advice.evidence]
    gain = savings(advice.saved, total) if advice.saved else ""
    said = "; ".join(filter(None, (gain, *terms)))
    return f"{place(advice)}: {advice.current} could be {advice.proposed}: {said}"


def savings(saved: Saving, total: Total) -> str:
    """ "1,048,576 fewer parameters (4.1 %), 51,380,224 fewer MACs (1.2 %)"; what does not change is left out."""
    parts = (_saved(saved.params, total.params, "parameters"), _saved(saved.macs, total.macs, "MACs"))
    return ", ".join(filter(None, parts)) or "nothing saved"


def _saved(value: int, whole: int | None, noun: str) -> str:
    if not value:
        return ""
    part = f" ({share(abs(value), whole)})" if whole else ""
    return f"{exact(abs(value))} {'fewer' if value > 0 else 'more'} {noun}{part}"
