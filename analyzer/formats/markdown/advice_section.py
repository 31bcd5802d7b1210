"""The markdown report's part on what could be restructured."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from analyzer.formats.markdown.markdown_text import Row, code, details, named, paragraphs, placed, prose, table
from analyzer.formats.wording import suggestions
from analyzer.formats.wording.fit_wording import harm
from analyzer.formats.wording.numbers import exact, plural, share
from analyzer.formats.wording.suggestions import (
    alike,
    alternative,
    bound,
    of_step,
    restructurings,
    savings,
)
from analyzer.values.advice import Advice
from analyzer.values.counts import Total
from analyzer.values.results import Analysis

MOST = 12
MAX_LISTED = 2000
"""Rows of a table, the folded ones included."""
MOST_EXACT = 5
COLUMNS = "suggestion|layer|parameters saved:|MACs saved:|harm:|bytes moved:|effort|bound|evidence"
BY_STRUCTURE = "By structure: a trace of the model with them has the same operators everywhere else."
FACTS = "fact|layer|what is there"
LEADS = {
    "retrain": "Each changes what the model computes and needs retraining.",
    "finetune": "Each changes what the model computes and needs finetuning.",
}


def section(analysis: Analysis) -> str:
    """All advice: what to restructure, what changes nothing but the cost, and facts; each ranked and cut."""
    if not analysis.advice:
        return ""
    total = analysis.total
    return paragraphs(
        _titled("Changes that leave the output as it is", proposals(of_step(analysis, "free"), total, MOST_EXACT)),
        _titled("Changes that need retraining", _measured(analysis, proposals(restructurings(analysis), total))),
        _together(analysis),
        _titled("For inference, once training is over", proposals(of_step(analysis, "inference"), total, MOST_EXACT)),
        _facts(of_step(analysis, None)),
    )


def what_to_do(analysis: Analysis) -> str:
    """The plan in a few lines: what is free, what needs retraining, what is for inference alone."""
    return "\n".join(f"{number}. {prose(line)}." for number, line in enumerate(suggestions.what_to_do(analysis), 1))


def _measured(analysis: Analysis, body: str) -> str:
    """The table under what its column of harms means."""
    said = suggestions.harm_measurement(analysis.harm_measurement) if analysis.harm_measurement and body else ""
    return paragraphs(prose(said), body)


def _titled(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def proposals(found: Sequence[Advice], total: Total, most: int = MOST) -> str:
    """A table, ranked as given, with the code and the notes folded; rows beyond `most` are folded too."""
    if not found:
        return ""
    groups = alike(found)
    most = min(most, sum(not group[0].beaten_by for group in groups))
    shown = groups[:most]
    efforts, device, evidence = {advice.effort for advice in found}, _device(found), _shared_evidence(found)
    rows: list[Row] = [_row(group, total, efforts, device, evidence) for group in groups[:MAX_LISTED]]
    leads = [LEADS[effort] for effort in efforts if len(efforts) == 1 and effort in LEADS]
    leads += [BY_STRUCTURE] if efforts == {"none"} and not any(advice.evidence for advice in found) else []
    leads += [f"Bounds are for {prose(device)}."] if device else []
    if evidence:
        whose = (
            "for all of them"
            if all(advice.evidence == evidence for advice in found)
            else "where a row has none of its own"
        )
        leads.append(f"Evidence {whose}: {prose(evidence)}.")
    folded = details("In code, with alternatives and notes", _by_rule(shown))
    rest = _rest(len(found) - sum(map(len, shown)), "suggestion", table(COLUMNS, rows[most:]))
    return paragraphs(" ".join(leads), table(COLUMNS, rows[:most]), folded, rest)


def _rest(hidden: int, noun: str, body: str) -> str:
    return details(plural(hidden, f"more {noun}"), body) if hidden else ""


def _device(found: Sequence[Advice]) -> str:
    """The device that all bounds are said for, empty when there is not just one."""
    devices = {advice.device for advice in found if advice.bound}
    return devices.pop() if len(devices) == 1 else ""


def _shared_evidence(found: Sequence[Advice]) -> str:
    """The one sentence that the weights say of most of several suggestions; empty where there is none."""
    said, times = Counter(advice.evidence for advice in found).most_common(1)[0]
    return said if said and 2 * times > len(found) > 1 else ""


def _row(group: Sequence[Advice], total: Total, efforts: set[str], device: str, evidence: str) -> Row:
    advice, saved, number = group[0], group[0].saved, len(group)
    # An empty cell would be taken for the evidence that most rows share.
    own = "" if evidence == advice.evidence else advice.evidence or ("none" if evidence else "")
    return (
        _rule(advice),
        _place(group),
        _saved(saved.params, total.params, number) if saved else "",
        _saved(saved.macs, total.macs, number) if saved else "",
        "" if advice.harm is None else harm(advice.harm),
        f"×{advice.bytes_ratio:.2f}" if advice.bytes_ratio is not None else "",
        advice.effort if len(efforts) > 1 else "",
        prose(bound(replace(advice, device="") if device else advice)),
        prose(own),
    )


def _rule(advice: Advice) -> str:
    return f"{advice.rule}<br>{prose(advice.name)}"


def _place(group: Sequence[Advice]) -> str:
    return placed([advice.path for advice in group], group[0].file, group[0].line)


def _saved(value: int, whole: int | None, number: int) -> str:
    """Digits above the share; for several layers what each of them saves."""
    if not value or not whole:
        return exact(value)
    sign, times, each = "-" if value < 0 else "", f"{number} × " if number > 1 else "", " each" if number > 1 else ""
    return f"{times}{exact(value)}<br>{sign}{share(abs(value), whole)}{each}"


def _together(analysis: Analysis) -> str:
    taken = analysis.together
    if taken is None:
        return ""
    changes = f"**The plan's free and retrained changes together**, in {plural(taken.layers, 'layer')}"
    return f"{changes}: {savings(taken.saved, analysis.total)}, as the rewritten model was traced."


def _by_rule(groups: Sequence[Sequence[Advice]]) -> str:
    """For each rule the notes that all of it share, then each layer's code and its own notes."""
    ordered = sorted(groups, key=lambda group: group[0].rule)
    rules = [list(same) for _, same in groupby(ordered, key=lambda group: group[0].rule)]
    return "\n\n".join(map(_one_rule, rules))


def _one_rule(groups: Sequence[Sequence[Advice]]) -> str:
    first, pieces = groups[0][0], [advice for group in groups for advice in group]
    common = [note for note in first.notes if all(note in advice.notes for advice in pieces)]
    lines = [f"**{first.rule} {prose(first.name)}**", "", *(f"- {prose(note)}" for note in common)]
    for group in groups:
        own = [note for note in group[0].notes if note not in common]
        advice = group[0]
        change = f"{code(advice.current)} → {code(advice.proposed)}" if advice.proposed is not None else ""
        # The table says already what a fact is.
        lines += [f"- {_names(group)}: {change}".rstrip()] if change or own else []
        lines += [f"  - {prose(said)}" for said in (*own, *map(alternative, group[0].alternatives))]
    return "\n".join(lines)


def _names(group: Sequence[Advice]) -> str:
    return ", ".join(named(advice.path) for advice in group)


def _facts(found: Sequence[Advice]) -> str:
    if not found:
        return ""
    groups = alike(found)
    shown = groups[:MOST]
    rows: list[Row] = [(_rule(group[0]), _place(group), prose(group[0].current)) for group in groups[:MAX_LISTED]]
    noted = [group for group in shown if group[0].notes]
    folded = details("Notes on these facts", _by_rule(noted)) if noted else ""
    rest = _rest(len(found) - sum(map(len, shown)), "fact", table(FACTS, rows[MOST:]))
    return paragraphs("### Facts", table(FACTS, rows[:MOST]), folded, rest)
