"""The analysis as JSON, exact and complete."""

from collections.abc import Sequence

from analyzer.values.results import Analysis


def render(analysis: Analysis) -> str:
    """One object, keys as in the published schema."""
    return analysis.to_json()


def render_comparison(analyses: Sequence[Analysis]) -> str:
    """A list of such objects, in the order given."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(list(analyses)), indent=2).decode() + "\n"
