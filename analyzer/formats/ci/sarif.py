"""SARIF 2.1.0, for GitHub's code scanning and other viewers of findings."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any
from urllib.parse import quote

from analyzer.formats.ci.findings import LocatedFinding, findings, is_on_budget
from analyzer.rules import RULES, slug
from analyzer.rules.rule import Rule
from analyzer.values.results import Analysis, json_text
from analyzer.version import VERSION

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS = 25_000
"""GitHub refuses a run with more."""
MAX_TEXT = 1024
FINGERPRINT = "analyzeFinding/v1"
"""A key of our own: GitHub computes primaryLocationLineHash from the line itself."""
BUDGET = "A limit on what the model may cost is exceeded, was exceeded before, or cannot be checked."
BUDGET_HELP = (
    "The limit is in the project's configuration or on the command line. Make the model lighter, as the report "
    "suggests, or raise the limit where it is written, with a reason."
)

Json = dict[str, Any]


def render(analyses: Sequence[Analysis], folder: str = "") -> str:
    """One run with the findings of all models: GitHub takes one run of a tool in a file.

    `folder` is the working directory as seen from the repository's root.
    """
    found = findings(analyses, folder)[:MAX_RESULTS]
    rules = _rules(found)
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "analyze", "semanticVersion": VERSION, "rules": rules}},
        "automationDetails": {"id": "analyze/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, index[item.code]) for item in found],
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rules(found: Sequence[LocatedFinding]) -> list[Json]:
    """Every rule of ours, and what else the findings name."""
    known = {rule.CODE: _described(rule) for rule in RULES}
    others = {item.code: _named(item) for item in found if item.code not in known}
    return [*known.values(), *others.values()]


def _described(rule: Rule) -> Json:
    text = cleandoc(rule.__doc__ or "")
    first, flagged = (
        " ".join(part.strip().partition("\n\n")[0].split()) for part in (text, text.partition("## What it flags")[2])
    )
    return _rule(rule.CODE, slug(rule), first, flagged or first, text, rule.LEVEL)


def _named(item: LocatedFinding) -> Json:
    if is_on_budget(item):
        return _rule(item.code, item.name, BUDGET, BUDGET, BUDGET_HELP, "error", "budget")
    return _rule(item.code, item.name, item.name, item.name, item.name, item.level)


def _rule(code: str, name: str, short: str, full: str, text: str, level: str, tag: str = "model-cost") -> Json:
    return {
        "id": code,
        "name": name,
        "shortDescription": {"text": short[:MAX_TEXT]},
        "fullDescription": {"text": full[:MAX_TEXT]},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["pytorch", tag]},
    }


def _result(item: LocatedFinding, rule_index: int) -> Json:
    result: Json = {
        "ruleId": item.code,
        "ruleIndex": rule_index,
        "level": item.level,
        "message": {"text": item.message},
        "partialFingerprints": {FINGERPRINT: item.fingerprint},
    }
    if item.file is not None:
        result["locations"] = [_location(item, item.file)]
    return result


def _location(item: LocatedFinding, file: str) -> Json:
    """The line of the layer: GitHub shows a finding in a pull request when all its lines are in the change."""
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(file)}, "region": {"startLine": item.line or 1}},
        "logicalLocations": [{"fullyQualifiedName": item.path or item.model, "kind": "member"}],
    }
