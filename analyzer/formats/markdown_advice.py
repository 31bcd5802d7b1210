"""The markdown report's part on what could be restructured."""

from collections.abc import Sequence
from itertools import groupby

from analyzer.formats.markdown_text import Row, code, details, placed, prose, table
from analyzer.formats.numbers import exact, plural, share
from analyzer.formats.sentences import together as more
from analyzer.formats.suggestions import exact_changes, facts, restructurings, savings
from analyzer.results import Advice, Analysis, Total

MOST = 12
COLUMNS = "suggestion|layer|parameters saved:|MACs saved:|bytes moved:|effort|bound|evidence"
LEADS = {
    "retrain": "Each changes what the model computes and needs retraining.",
    "finetune": "Each changes what the model computes and needs finetuning.",
}


def section(analysis: Analysis) -> str:
    """All advice: what to restructure, what changes nothing but the cost, and facts; each ranked and cut."""
    if not analysis.advice:
        return ""
    parts = (
        proposals(restructurings(analysis), analysis.total),
        _together(analysis),
        _exact(analysis),
        _facts(facts(analysis)),
    )
    return "\n\n".join(filter(None, parts))


def proposals(found: Sequence[Advice], total: Total, most: int = MOST) -> str:
    """A table, ranked as given, those beyond `most` counted in the last row; the code and the notes are folded."""
    if not found:
        return ""
    efforts = {advice.effort for advice in found}
    device = _device(found)
    rows: list[Row] = [_row(advice, total, efforts, device) for advice in found[:most]]
    if len(found) > most:
        rows.append((more(len(found) - most, "suggestion"), *[""] * COLUMNS.count("|")))
    leads = [LEADS[effort] for effort in efforts if len(efforts) == 1 and effort in LEADS]
    leads += [f"What bounds each is said for {prose(device)}."] if device else []
    folded = details("In code, with alternatives and notes", _by_rule(found[:most]))
    return "\n\n".join(filter(None, (" ".join(leads), table(COLUMNS, rows), folded)))


def _device(found: Sequence[Advice]) -> str:
    """The device that all bounds are said for, empty when there is not just one."""
    devices = {advice.bound.partition(" on ")[2] for advice in found if advice.bound}
    return devices.pop() if len(devices) == 1 else ""


def _row(advice: Advice, total: Total, efforts: set[str], device: str) -> Row:
    saved = advice.saved
    return (
        _rule(advice),
        _place(advice),
        _saved(saved.params, total.params) if saved else "",
        _saved(saved.macs, total.macs) if saved else "",
        f"×{advice.bytes_ratio:.2f}" if advice.bytes_ratio is not None else "",
        advice.effort if len(efforts) > 1 else "",
        prose((advice.bound or "").removesuffix(f" on {device}")),
        prose(advice.evidence or ""),
    )


def _rule(advice: Advice) -> str:
    return f"{advice.rule}<br>{prose(advice.name)}"


def _place(advice: Advice) -> str:
    return placed(advice.path, advice.file, advice.line)


def _saved(value: int, whole: int | None) -> str:
    sign = "-" if value < 0 else ""
    return f"{exact(value)}<br>{sign}{share(abs(value), whole)}" if value and whole else exact(value)


def _together(analysis: Analysis) -> str:
    taken = analysis.together
    if taken is None:
        return ""
    gain = savings(taken.saved, analysis.total)
    layers = plural(taken.layers, "layer")
    return f"**Taken together**, at most one for each layer, in {layers}: {gain}, as the rewritten model was traced."


def _exact(analysis: Analysis) -> str:
    shown = proposals(exact_changes(analysis), analysis.total)
    return f"### Changes that leave the output as it is\n\n{shown}" if shown else ""


def _by_rule(found: Sequence[Advice]) -> str:
    """For each rule the notes that all of it share, then each layer's code and its own notes."""
    ordered = sorted(found, key=lambda advice: advice.rule)
    rules = [list(same) for _, same in groupby(ordered, key=lambda advice: advice.rule)]
    return "\n\n".join(map(_one_rule, rules))


def _one_rule(found: Sequence[Advice]) -> str:
    common = [note for note in found[0].notes if all(note in advice.notes for advice in found)]
    lines = [f"**{found[0].rule} {prose(found[0].name)}**", "", *(f"- {prose(note)}" for note in common)]
    alike: dict[tuple[str, tuple[str, ...]], list[Advice]] = {}
    for advice in found:
        own = tuple(note for note in advice.notes if note not in common)
        alike.setdefault((_change(advice), own), []).append(advice)
    for (change, own), several in alike.items():
        paths = ", ".join(code(advice.path) if advice.path else "the model itself" for advice in several)
        # The table says already what a fact is.
        lines += [f"- {paths}: {change}".rstrip()] if change or own else []
        lines += [f"  - {prose(note)}" for note in own]
    return "\n".join(lines)


def _change(advice: Advice) -> str:
    return f"{code(advice.current)} → {code(advice.proposed)}" if advice.proposed is not None else ""


def _facts(found: Sequence[Advice]) -> str:
    if not found:
        return ""
    rows: list[Row] = [(_rule(advice), _place(advice), prose(advice.current)) for advice in found[:MOST]]
    if len(found) > MOST:
        rows.append((more(len(found) - MOST, "fact"), "", ""))
    noted = [advice for advice in found[:MOST] if advice.notes]
    folded = details("Notes on these facts", _by_rule(noted)) if noted else ""
    return "\n\n".join(filter(None, ("### Facts", table("fact|layer|what is there", rows), folded)))
