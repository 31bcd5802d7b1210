"""The markdown report's part on what could be restructured."""

from collections.abc import Sequence
from itertools import groupby

from analyzer.formats.markdown_text import Row, code, details, prose, table
from analyzer.formats.numbers import exact, plural, share
from analyzer.formats.sentences import together as more
from analyzer.formats.suggestions import exact_changes, facts, restructurings, savings
from analyzer.results import Advice, Analysis, Total

MOST = 12
COLUMNS = "suggestion|layer|now → instead|parameters saved:|MACs saved:|bytes moved:|effort|bound|evidence"


def section(analysis: Analysis) -> str:
    """All advice: what to restructure, what changes nothing but the cost, and facts; each ranked and cut."""
    if not analysis.advice:
        return ""
    parts = (
        _group("", restructurings(analysis), analysis, "restructuring"),
        _together(analysis),
        _group("### Changes that leave the output as it is", exact_changes(analysis), analysis, "change"),
        _facts(facts(analysis)),
    )
    return "\n\n".join(filter(None, parts))


def proposals(found: Sequence[Advice], total: Total, noun: str, most: int = MOST) -> str:
    """A table of proposals, ranked as given; those beyond `most` are counted in the last row."""
    alike = len({advice.effort for advice in found}) == 1
    rows: list[Row] = [_row(advice, total, alike) for advice in found[:most]]
    if len(found) > most:
        rows.append((more(len(found) - most, noun), *[""] * (COLUMNS.count("|"))))
    return table(COLUMNS, rows)


def _group(title: str, found: Sequence[Advice], analysis: Analysis, noun: str) -> str:
    if not found:
        return ""
    efforts = {advice.effort for advice in found}
    lead = {"retrain": "Each changes what the model computes: it needs retraining."}
    said = lead.get(efforts.pop(), "") if len(efforts) == 1 else ""
    shown = proposals(found, analysis.total, noun)
    return "\n\n".join(filter(None, (title, said, shown, _notes(found[:MOST]))))


def _row(advice: Advice, total: Total, alike: bool) -> Row:
    saved = advice.saved
    return (
        f"{advice.rule} {prose(advice.name)}",
        _place(advice),
        f"{code(advice.current)} → {code(advice.proposed or '')}",
        _saved(saved.params, total.params) if saved else "",
        _saved(saved.macs, total.macs) if saved else "",
        f"×{advice.bytes_ratio:.2f}" if advice.bytes_ratio is not None else "",
        "" if alike else advice.effort,
        prose(advice.bound or ""),
        prose(advice.evidence or ""),
    )


def _place(advice: Advice) -> str:
    where = code(advice.path) if advice.path else "the model itself"
    return where if advice.file is None else f"{where}<br>{_source(advice)}"


def _source(advice: Advice) -> str:
    return code(f"{advice.file}" if advice.line is None else f"{advice.file}:{advice.line}")


def _saved(value: int, whole: int | None) -> str:
    sign = "-" if value < 0 else ""
    return f"{exact(value)} ({sign}{share(abs(value), whole)})" if value and whole else exact(value)


def _together(analysis: Analysis) -> str:
    taken = analysis.together
    if taken is None:
        return ""
    gain = savings(taken.saved, analysis.total)
    layers = plural(taken.layers, "layer")
    return f"**Taken together**, at most one for each layer, in {layers}: {gain}, as the rewritten model was traced."


def _notes(found: Sequence[Advice], title: str = "Notes and alternatives") -> str:
    noted = sorted((advice for advice in found if advice.notes), key=lambda advice: advice.rule)
    if not noted:
        return ""
    rules = [_rule_notes(list(same)) for _, same in groupby(noted, key=lambda advice: advice.rule)]
    return details(title, "\n\n".join(rules))


def _rule_notes(found: Sequence[Advice]) -> str:
    """What all say is said once; then what each says."""
    common = [note for note in found[0].notes if all(note in advice.notes for advice in found)]
    lines = [f"- {prose(note)}" for note in common]
    for advice in found:
        own = [prose(note) for note in advice.notes if note not in common]
        lines += [f"- {code(advice.path or advice.name)}: {'; '.join(own)}"] if own else []
    return "\n".join((f"**{found[0].rule} {prose(found[0].name)}**\n", *lines))


def _facts(found: Sequence[Advice]) -> str:
    if not found:
        return ""
    rows: list[Row] = [
        (f"{advice.rule} {prose(advice.name)}", _place(advice), prose(advice.current)) for advice in found[:MOST]
    ]
    if len(found) > MOST:
        rows.append((more(len(found) - MOST, "fact"), "", ""))
    shown = table("fact|layer|what is there", rows)
    return "\n\n".join(filter(None, ("### Facts", shown, _notes(found[:MOST], "Notes on the facts"))))
