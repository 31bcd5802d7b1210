"""GitLab's code quality report."""

from collections.abc import Sequence

from analyzer.formats.ci.findings import LocatedFinding, findings
from analyzer.values.results import Analysis, json_text

SEVERITIES = {"error": "critical", "warning": "minor", "note": "info"}


def render(analyses: Sequence[Analysis], folder: str = "") -> str:
    """The issues of all models in one list; GitLab asks each for a file, so what has none is left out.

    `folder` is the working directory as seen from the repository's root.
    """
    return json_text([_issue(item, item.file) for item in findings(analyses, folder) if item.file is not None])


def _issue(item: LocatedFinding, file: str) -> dict[str, object]:
    return {
        "description": f"{item.code} {item.name}: {item.message}",
        "check_name": item.code,
        "fingerprint": item.fingerprint,
        "severity": SEVERITIES[item.level],
        "location": {"path": file, "lines": {"begin": item.line or 1}},
    }
