"""What was found in the weights about one proposal, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass

NEAR_CHANCE = 0.05
"""An excess below this is called no better than chance."""
NEARLY_ALL = 0.95
"""From this share on the weights can be carried over (the threshold of Network Decoupling)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Share of the weight energy ‖W‖² that a proposal could keep, beside what it would keep of random weights."""

    change: str
    """What is proposed, as the subject of a sentence."""
    kept: float = 0.0
    null: float = 0.0
    weighting: str = "weights only"
    """Or "BN-weighted": each input channel counted as strong as the normalization before it makes it."""
    details: tuple[str, ...] = ()
    """Clauses with further numbers."""
    silence: str = ""
    """Why there are no numbers; they mean nothing when this is set."""

    @property
    def excess(self) -> float:
        """How much more is kept than of random weights: what the evidence is."""
        return self.kept - self.null


def sentence(evidence: Evidence) -> str:
    """One sentence: what is kept, how far above chance, and what may be claimed of it."""
    if evidence.silence:
        return f"structure only: {evidence.silence}"
    kept, null = _percent(evidence.kept), _percent(evidence.null)
    found = f"{evidence.change} keeps {kept} % of the weight energy, {_points(kept - null)} chance ({null} %)"
    return "; ".join((f"{found}, {evidence.weighting}", *evidence.details, _claim(evidence)))


def _percent(share: float) -> int:
    """Rounded, but 100 only for what is whole to rounding."""
    return 100 if share > 0.9999 else min(99, round(100 * share))


def _points(excess: int) -> str:
    if excess == 0:
        return "no more than"
    return f"{abs(excess)} point{'' if abs(excess) == 1 else 's'} {'above' if excess > 0 else 'below'}"


def _claim(evidence: Evidence) -> str:
    if evidence.kept >= NEARLY_ALL:
        return "the weights can be carried over and fine-tuned"
    if evidence.excess < NEAR_CHANCE:
        return "no more than random weights would keep"
    return "the converted weights are a start for retraining, not a replacement"
