"""Which advice comes first: free changes, then what saves much for little harm, then what is for inference alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.rules.rule import Finding
from analyzer.values.advice import STEPS, Advice, Saving
from analyzer.values.convolution import Proposal, Unit
from analyzer.values.estimates import ProposalTime
from analyzer.values.exclusions import Change
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import Evidence, NoEvidence, Note
from analyzer.values.timings import Latency

REPAIRED = 0.05
"""Share of the weight energy whose loss fine-tuning makes good (Network Decoupling keeps 95 % by default)."""


@dataclass(frozen=True, slots=True)
class ChangedLayer:
    """What a proposal makes of the layer at a path."""

    path: str
    before: tuple[Unit, ...] | str
    """Or the kind of a module that goes as a whole."""
    after: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Advised:
    """A piece of advice, without its words, and what they are made of."""

    advice: Advice
    proposal: Proposal | None = None
    """None for a fact."""
    time: ProposalTime | None = None
    """What it would do to the time of its layers on the device profile."""
    others: tuple[Advised, ...] = ()
    """Its alternatives, each as advice of its own."""
    changed: tuple[ChangedLayer, ...] = ()
    """The layers that do not stay as they are."""
    finding: Finding | None = None
    """The fact; None for a proposal."""
    evidence: Evidence | NoEvidence | Note | None = None
    """What the weights say of a proposal, or how an exact change was shown to be one."""

    @property
    def paths(self) -> frozenset[str]:
        """The layers that it replaces."""
        return frozenset(path for path, _ in self.proposal.replacements) if self.proposal else frozenset()

    @property
    def change(self) -> Change:
        """What decides which other changes it can be made with."""
        return Change(self.advice.rule, self.paths, frozenset(self.advice.not_beside))


def rank(advice: Advice, facts: ModelFacts) -> tuple[int, float]:
    """Steps in their order, then what costs more or is estimated to be slower, warnings, notes; in each by worth."""
    if advice.saved is None or advice.step is None:
        return len(STEPS) + (2 if advice.level == "note" else 1), 0.0
    is_doubtful = advice.is_slower or bool(advice.beaten_by) or not is_gain(advice.saved)
    return len(STEPS) if is_doubtful else STEPS.index(advice.step), -worth(advice, facts)


def worth(advice: Advice, facts: ModelFacts) -> float:
    """Saving for harm: the share of the model that is saved over the harm that was measured.

    Without one, the share of the layers' weight energy that is lost stands for it; where the weights were not asked,
    all of it counts as lost, so that the order is that of the saving.
    """
    if advice.saved is None:
        return 0.0
    share = advice.saved.macs / max(facts.macs, 1) + advice.saved.params / max(facts.params, 1)
    return share / cost_of(advice)


def cost_of(advice: Advice) -> float:
    """What a saving is weighed with: the harm, and what any change at all is taken to do."""
    if advice.effort == "none":
        return REPAIRED
    return REPAIRED + (advice.harm if advice.harm is not None else 1.0 - (advice.kept or 0.0))


def is_harm_known(advice: Advice) -> bool:
    """Whether inputs or weights were asked."""
    return advice.harm is not None or advice.kept is not None


def is_gain(saved: Saving | None) -> bool:
    """Something is saved, and nothing costs more."""
    return saved is not None and min(saved.params, saved.macs) >= 0 and max(saved.params, saved.macs) > 0


def by_measured_gain(advice: Sequence[Advice], latency: Latency | None) -> tuple[Advice, ...]:
    """The advice with what saves most time first; what was not timed, or too noisily, keeps its order after that.

    What was shown to save no time comes after what was not timed, facts come last.
    """
    timed = latency.proposals if latency else ()
    gains = {(item.rule, path): item.gain for item in timed for path in item.paths if item.gain is not None}

    def order(item: Advice) -> tuple[int, float]:
        gain = gains.get((item.rule, item.path))
        if item.proposed is None:
            return 3, 0.0
        if gain is None:
            return 1, 0.0
        return (0, -gain) if gain > 0 else (2, -gain)

    return tuple(sorted(advice, key=order)) if gains else tuple(advice)
