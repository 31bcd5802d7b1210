"""JUnit XML, one case for each limit, so that those that are kept show as passed."""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from analyzer.formats.wording import verdict
from analyzer.values.gate_results import BudgetLine
from analyzer.values.results import Analysis

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def render(analyses: Sequence[Analysis]) -> str:
    """A suite for each model, with a case for each line of its budget."""
    root = Element("testsuites", {"name": "analyze", **_counts([line for one in analyses for line in one.budget])})
    for analysis in analyses:
        suite = SubElement(root, "testsuite", {"name": _text(analysis.model.name), **_counts(analysis.budget)})
        for line in analysis.budget:
            _add_case(suite, line, analysis)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _counts(lines: Sequence[BudgetLine]) -> dict[str, str]:
    outcomes = [verdict.outcome(line) for line in lines]
    numbers = {"failures": "fail", "errors": "unknown", "skipped": "off"}
    return {"tests": str(len(lines)), **{name: str(outcomes.count(status)) for name, status in numbers.items()}}


def _add_case(suite: Element, line: BudgetLine, analysis: Analysis) -> None:
    model = analysis.model
    where = {"file": _text(model.file or ""), "line": str(model.line or "")}
    attributes = {"classname": _text(model.name), "name": _text(f"{line.name}: {verdict.subject_of(line)}"), **where}
    case = SubElement(suite, "testcase", {key: value for key, value in attributes.items() if value})
    said = "\n".join((verdict.line_sentence(line), *verdict.said(line)))
    kind = {"fail": "failure", "unknown": "error", "off": "skipped"}.get(verdict.outcome(line))
    if kind is None:
        SubElement(case, "system-out").text = _text(said)
        return
    SubElement(case, kind, {"message": _text(verdict.line_sentence(line))}).text = _text(said)


def _text(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
