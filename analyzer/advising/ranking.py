"""Which advice comes first, and which proposals can be taken together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analyzer.rules import EXACT, dilated_kernel
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.estimates import ProposalTime
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.results import Advice, Saving
from analyzer.values.timings import Latency

EXACT_CODES = frozenset(rule.CODE for rule in EXACT)


@dataclass(frozen=True, slots=True)
class Advised:
    """A piece of advice and the proposal behind it; None for a fact."""

    advice: Advice
    proposal: Proposal | None = None
    time: ProposalTime | None = None
    """What it would do to the time of its layers on the device profile."""

    @property
    def paths(self) -> frozenset[str]:
        """The layers that it replaces."""
        return frozenset(path for path, _ in self.proposal.replacements) if self.proposal else frozenset()


def rank(advice: Advice, facts: ModelFacts) -> tuple[int, float]:
    """Restructurings, exact rules, then facts with warnings first; in each by the share of the model that is saved."""
    if advice.saved is None:
        return (3 if advice.level == "note" else 2), 0.0
    is_exact = advice.rule in EXACT_CODES
    share = advice.saved.macs / max(facts.macs, 1) + advice.saved.params / max(facts.params, 1)
    return int(is_exact), -share


def best_per_layer(advised: Iterable[Advised], facts: ModelFacts) -> tuple[Advised, ...]:
    """The proposals to take together: in their order, each that saves something in layers no other one has taken.

    Of two neighbours only one is grouped, unless a shuffle lies between: else their groups would never meet; and only
    one is dilated, as each needs the other's taps to fill its gaps.
    """
    chosen: list[Advised] = []
    for candidate in advised:
        taken = {path for other in chosen for path in other.paths}
        if (
            is_gain(candidate.advice.saved)
            and not candidate.paths & taken
            and not _relies_on_any(candidate, chosen, facts)
        ):
            chosen.append(candidate)
    return tuple(chosen)


def is_gain(saved: Saving | None) -> bool:
    """Something is saved, and nothing costs more."""
    return saved is not None and min(saved.params, saved.macs) >= 0 and max(saved.params, saved.macs) > 0


def _relies_on_any(candidate: Advised, chosen: list[Advised], facts: ModelFacts) -> bool:
    """Whether it is sound only while a neighbour stays as it is, and that one has been changed in the same way."""
    own = candidate.paths & facts.convolutions.keys()
    neighbours = {path for layer in own for path in _neighbours(facts.convolutions[layer])}
    beside = [other for other in chosen if other.paths & neighbours]
    if candidate.advice.rule == dilated_kernel.CODE:
        return any(other.advice.rule == dilated_kernel.CODE for other in beside)
    return _only_groups(candidate) and any(_only_groups(other) for other in beside)


def _neighbours(layer: ConvolutionFacts) -> tuple[str, ...]:
    return (*layer.sources, *layer.readers)


def _only_groups(advised: Advised) -> bool:
    """Every layer that it puts in is grouped and nothing mixes after it."""
    units = [unit for _, units in advised.proposal.replacements for unit in units] if advised.proposal else []
    grouped = [isinstance(unit, Convolution) and unit.groups > 1 for unit in units]
    return bool(units) and all(grouped)


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
