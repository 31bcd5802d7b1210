"""The analysis as JSON, exact and complete."""

from collections.abc import Sequence

from analyzer.values.results import Analysis, json_text


def render(analyses: Sequence[Analysis]) -> str:
    """One object, keys as in the published schema; of several models a list of them, in the order given."""
    return json_text(analyses[0] if len(analyses) == 1 else list(analyses))
