"""What other counters say of the same forward, and why it differs, in words."""

from collections.abc import Iterator, Sequence

from analyzer.formats.wording.numbers import change, count, exact, plural
from analyzer.values.results import SecondOpinion


def difference(opinion: SecondOpinion, ours: int | None) -> str:
    """Its MACs less ours: "none", "+1,024", or "none to 3 decimals" for a published number; empty where unknown."""
    if opinion.macs is None or ours is None:
        return ""
    if opinion.decimals is not None and not _off_by(opinion.macs, ours, opinion.decimals):
        return f"none to {plural(opinion.decimals, 'decimal')} of GMACs"
    return change(opinion.macs - ours) if opinion.macs != ours else "none"


def _off_by(macs: int, ours: int, decimals: int) -> float:
    return round(macs / 1e9, decimals) - round(ours / 1e9, decimals)


def remarks(opinion: SecondOpinion, ours: int | None) -> list[str]:
    """A clause for each thing that it counts differently, and why it could not count."""
    found = [f"it could not count this model ({opinion.reason})"] if opinion.reason else []
    found += [f"{item.family}: {exact(item.theirs)} there, {exact(item.ours)} here" for item in opinion.differences]
    found += [f"it has no formula for {item.operator} ({plural(item.calls, 'call')})" for item in opinion.skipped]
    published = opinion.decimals is not None and opinion.macs is not None and ours is not None
    if published and _off_by(opinion.macs or 0, ours or 0, opinion.decimals or 0):
        found.append("published for its own input size and weights")
    return found


def lines(opinions: Sequence[SecondOpinion], ours: int | None) -> Iterator[str]:
    """One line for each counter: "fvcore 0.1.5: 1.24 k MACs, difference +24: normalization: 24 there, 0 here"."""
    for opinion in opinions:
        apart = difference(opinion, ours)
        macs = [] if opinion.macs is None else [f"{count(opinion.macs)} MACs"]
        said = (", ".join([*macs, *([f"difference {apart}"] if apart else [])]), "; ".join(remarks(opinion, ours)))
        yield f"{opinion.counter}: {': '.join(filter(None, said))}"
