"""Advice as a page can try it out: every way of every suggestion with what it saves, and what excludes what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.formats.html.embedding import Strings, Wire, short, wire
from analyzer.formats.wording.numbers import located
from analyzer.formats.wording.suggestions import EFFORTS
from analyzer.values.advice import Advice, Alternative, Saving
from analyzer.values.exclusions import Change, exclusions
from analyzer.values.results import Analysis


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a suggestion; texts are places of strings."""

    label: int
    choice: int
    proposed: int
    params: Wire
    """Saved."""
    macs: Wire
    """Saved."""
    kept: float | None
    harm: float | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One piece of advice; a fact has no ways."""

    rule: int
    name: int
    path: int
    pattern: int
    """The path as --apply takes it."""
    step: str | None
    effort: int
    current: int
    said: int
    """What the weights say, and notes."""
    place: int
    ratio: float | None
    """Estimated time afterwards over the time now."""
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestions:
    """All of one model's advice, in its order."""

    items: tuple[Suggestion, ...]
    rows: tuple[tuple[int, ...], ...]
    """Ways, numbered through all suggestions, of which one at most may be taken."""
    plan: tuple[int, ...]
    """The ways that the plan takes; those for inference are left out."""


def suggestions(analysis: Analysis, strings: Strings) -> Suggestions:
    """What the page needs to price any set of changes that can be made together."""
    changes = [change for advice in analysis.advice for change in _changes(advice)]
    items = tuple(_suggestion(advice, strings) for advice in analysis.advice)
    return Suggestions(items, tuple(exclusions(changes)), tuple(_planned(analysis)))


def _offered(advice: Advice) -> tuple[Advice | Alternative, ...]:
    """The ways of one suggestion, that of the rule itself first; none of a fact."""
    return () if advice.proposed is None or advice.saved is None else (advice, *advice.alternatives)


def _changes(advice: Advice) -> Iterator[Change]:
    for way in _offered(advice):
        yield Change(advice.rule, frozenset(item.path for item in way.replacements), frozenset(way.not_beside))


def _suggestion(advice: Advice, strings: Strings) -> Suggestion:
    text = strings.place
    return Suggestion(
        rule=text(advice.rule),
        name=text(advice.name),
        path=text(advice.path),
        pattern=text(pattern_of(advice.path)),
        step=advice.step,
        effort=text(EFFORTS.get(advice.effort, advice.effort) if advice.step else ""),
        current=text(advice.current),
        said=text("; ".join(filter(None, (advice.evidence, *advice.notes)))),
        place=text(located(advice.file, advice.line) if advice.file else ""),
        ratio=None if advice.time_ratio is None else short(advice.time_ratio),
        ways=tuple(_ways(advice, strings)),
    )


def pattern_of(path: str) -> str:
    """A pattern of --apply that names this layer: signs that patterns use, or a shell cannot write, are escaped."""
    return "".join(f"[{sign}]" if sign in "[*?" else sign if sign.isprintable() else "?" for sign in path)


def _ways(advice: Advice, strings: Strings) -> Iterator[Way]:
    for way in _offered(advice):
        saved = way.saved or Saving(0, 0)
        yield Way(
            label=strings.place(way.label if isinstance(way, Alternative) else way.choice.replace("-", " ")),
            choice=strings.place(way.choice),
            proposed=strings.place(_code(way)),
            params=wire(saved.params),
            macs=wire(saved.macs),
            kept=None if way.kept is None else short(way.kept),
            harm=None if way.harm is None else short(way.harm),
        )


def _code(way: Advice | Alternative) -> str:
    if isinstance(way, Advice):
        return way.proposed or ""
    if len(way.replacements) == 1:
        return way.replacements[0].code
    return "; ".join(f"{item.path} = {item.code}" for item in way.replacements)


def _planned(analysis: Analysis) -> Iterator[int]:
    places: dict[tuple[str, str, str], int] = {}
    for advice in analysis.advice:
        for way in _offered(advice):
            places.setdefault((advice.rule, advice.path, way.choice), len(places))
    changes = (change for step in analysis.plan if step.step != "inference" for change in step.changes)
    named = ((change.rule, change.path, change.choice) for change in changes)
    yield from (places[name] for name in named if name in places)
