"""What the weights say of a proposal, as one sentence."""

from analyzer.formats.wording.rule_words import words
from analyzer.values.notes import Evidence, NoEvidence, Note

NEAR_CHANCE = 0.05
"""An excess below this is called no better than chance."""
NEARLY_ALL = 0.95
"""From this share on the weights can be carried over (the threshold of Network Decoupling)."""
SILENCE = {
    "not finite": "the weights are not finite",
    "zero": "the weights are zero",
    "untrained": "the weights look untrained",
    "too long": "asking the weights would take too long",
}


def evidence_words(found: Evidence | NoEvidence | Note) -> str:
    """What is kept, how far above chance, and what may be claimed of it; or why nothing is said."""
    if isinstance(found, Note):
        return words(found)
    if isinstance(found, NoEvidence):
        return f"structure only: {SILENCE[found.reason]}"
    kept, null = _percent(found.kept), _percent(found.null)
    said = f"{words(found.change)} keeps {kept} % of the weight energy, {_points(kept - null)} chance ({null} %)"
    weighting = "BN-weighted" if found.is_weighted else "weights only"
    return "; ".join((f"{said}, {weighting}", *map(words, found.details), _claim(found)))


def _percent(share: float) -> int:
    """Rounded, but 100 only for what is whole to rounding."""
    return 100 if share > 0.9999 else min(99, round(100 * share))


def _points(excess: int) -> str:
    if excess == 0:
        return "no more than"
    return f"{abs(excess)} point{'' if abs(excess) == 1 else 's'} {'above' if excess > 0 else 'below'}"


def _claim(found: Evidence) -> str:
    if found.kept >= NEARLY_ALL:
        return "the weights can be carried over and fine-tuned"
    if found.excess < NEAR_CHANCE:
        return "no more than random weights would keep"
    return "the converted weights are a start for retraining, not a replacement"
