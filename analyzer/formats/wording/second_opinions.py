"""What other counters say of the same forward, and why it differs, in words."""

from collections.abc import Iterator, Sequence

from analyzer.formats.wording.numbers import change, exact, plural
from analyzer.values.results import FamilyDifference, SecondOpinion

MOST = 4
"""Remarks on one counter where there is little room."""
FAMILIES = {"averaging": "divided by the batch, or rounded, at the end"}
TITLES = ("counter", "prints, MACs:", "ours:", "difference:")


def difference(opinion: SecondOpinion, ours: int | None) -> str:
    """Its MACs less ours: "none", "+1,024", or "none to 3 decimals" of published GMACs; empty where unknown."""
    if opinion.macs is None or ours is None:
        return ""
    if opinion.decimals is not None and not _off_by(opinion.macs, ours, opinion.decimals):
        return f"none to {plural(opinion.decimals, 'decimal')}"
    return change(opinion.macs - ours) if opinion.macs != ours else "none"


def _off_by(macs: int, ours: int, decimals: int) -> float:
    return round(macs / 1e9, decimals) - round(ours / 1e9, decimals)


def remarks(opinion: SecondOpinion, ours: int | None) -> list[str]:
    """A clause for each thing that it counts differently, and why it could not count."""
    failed = "cannot be predicted: {}" if opinion.predicted else "it could not count this model ({})"
    found = [failed.format(opinion.reason)] if opinion.reason else []
    found += [f"{_family(item)}: {exact(item.theirs)} there, {exact(item.ours)} here" for item in opinion.differences]
    found += [f"it has no formula for {item.operator} ({plural(item.calls, 'call')})" for item in opinion.skipped]
    published = opinion.decimals is not None and opinion.macs is not None and ours is not None
    if published and _off_by(opinion.macs or 0, ours or 0, opinion.decimals or 0):
        found.append("published for its own input size and weights")
    return found


def _family(item: FamilyDifference) -> str:
    name = FAMILIES.get(item.family, item.family)
    return f"{name} in {item.kind}" if item.kind else name


def row(opinion: SecondOpinion, ours: int | None) -> tuple[str, str, str, str]:
    """The counter, what it prints as MACs, ours, and the difference."""
    printed = "none" if opinion.macs is None else exact(opinion.macs)
    return opinion.counter, printed, exact(ours), difference(opinion, ours)


def told_apart(opinions: Sequence[SecondOpinion]) -> str:
    """Which counters were not run; empty where all were."""
    names = ", ".join(opinion.counter for opinion in opinions if opinion.predicted)
    return f"predicted by their conventions, not run: {names}" if names else ""


def causes(opinions: Sequence[SecondOpinion], ours: int | None, most: int = MOST) -> Iterator[str]:
    """A line for each counter that differs: "fvcore 0.1.5: normalization: 24 there, 0 here"."""
    for opinion in opinions:
        said = remarks(opinion, ours)
        hidden = [f"{len(said) - most} more in the report"] if len(said) > most else []
        if said and difference(opinion, ours) != "none":
            yield f"{opinion.counter}: {'; '.join([*said[:most], *hidden])}"
