"""Which proposals can be made together: at most one a layer, and none beside a neighbour that it relies on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.advising.least_harm import least_harm
from analyzer.advising.pricing import current_price
from analyzer.advising.ranking import Advised, cost_of, is_gain, is_harm_known, rank
from analyzer.rules import dilated_kernel
from analyzer.values.advice import STEPS, Advice, PlannedChange, PlanStep, Saving
from analyzer.values.convolution import BatchNorm, Convolution, Proposal
from analyzer.values.facts import ModelFacts
from analyzer.values.layer_patterns import holders

LEAST_KEPT = 0.5
"""A plan takes no proposal that is known to lose more than half of the weight energy: little would be left to carry
over."""
MOST_OF_A_LAYER = 0.6
"""Without weights nothing is known: of no layer a plan then takes much more than half of the parameters or the work."""
MOST_SAVED = 0.5
"""Of the model's parameters, and of its work, what a plan's retrained changes take: harm grows faster than savings, and
what is beyond half is for a fit to a budget, which measures it."""


def best_per_layer(advised: Iterable[Advised], facts: ModelFacts) -> tuple[Advised, ...]:
    """The proposals to make together, alternatives among them: in the order of their worth, what can be chosen.

    Of those that need training the ones with the least harm in all that save as much as the order of their worth would,
    where the harm of all is known. Left out are those that cost something, that are estimated to be slower, that are
    for inference only (a network that is retrained needs its normalization), that are known to lose most of the
    weights, or that take most of a layer without its weights being known; and what would take more than half of the
    model. A free change that saves no work, such as a bias, yields to a restructuring of its layer.
    """
    options = (option for item in advised for option in _options(item))
    planned = [option for option in options if is_planned(option.advice) and _is_modest(option, facts)]
    ranked = sorted(planned, key=lambda item: (_order(item.advice), *rank(item.advice, facts)))
    most = Saving(int(MOST_SAVED * facts.params), int(MOST_SAVED * facts.macs))
    chosen = together(ranked, most)
    better = _less_harmful(chosen, ranked, most)
    return chosen if better is None else together([*better, *(item for item in ranked if _order(item.advice) != 1)])


def _less_harmful(chosen: Sequence[Advised], ranked: Sequence[Advised], most: Saving) -> list[Advised] | None:
    """The free changes that come first and other retrained ones, with less harm than the chosen ones in all.

    None where there are none, or where some harm is not known.
    """
    first = [item for item in chosen if _order(item.advice) == 0]
    retrained = [item for item in chosen if _order(item.advice) == 1]
    options = [item for item in ranked if _order(item.advice) == 1 and len(together([*first, item])) > len(first)]
    if len(retrained) < 2 or not all(is_harm_known(item.advice) for item in options):
        return None
    saved = _sum(item.advice.saved for item in retrained)
    wanted = Saving(min(saved.params, most.params), min(saved.macs, most.macs))
    found = least_harm(options, [cost_of(item.advice) for item in options], wanted)
    return [*first, *found] if found else None


def _is_modest(item: Advised, facts: ModelFacts) -> bool:
    """Whether it is exact, or the weights were asked, or about half of its layers stays."""
    advice, saved = item.advice, item.advice.saved
    if advice.effort == "none" or advice.kept is not None or advice.harm is not None:
        return True
    if item.proposal is None or saved is None:
        return False
    now = current_price(item.proposal, facts)
    return saved.params <= MOST_OF_A_LAYER * now.params and saved.macs <= MOST_OF_A_LAYER * now.macs


def _options(item: Advised) -> tuple[Advised, ...]:
    """The proposal and its alternatives; where weights were asked, those that they were asked of."""
    is_known = item.advice.kept is not None
    return (item, *(other for other in item.others if not is_known or other.advice.kept is not None))


def is_planned(advice: Advice) -> bool:
    """Whether a plan may take it."""
    loses_most = advice.harm is None and advice.kept is not None and advice.kept < LEAST_KEPT
    is_known_to_harm = advice.effort != "none" and loses_most
    return is_gain(advice.saved) and not (advice.is_slower or advice.inference_only or is_known_to_harm)


def _order(advice: Advice) -> int:
    is_free = advice.effort == "none"
    return 1 if not is_free else 0 if advice.saved and advice.saved.macs else 2


def together(candidates: Iterable[Advised], most: Saving | None = None) -> tuple[Advised, ...]:
    """In their order, each that replaces nothing that another one has replaced, whole or in part, or is unsound beside.

    Those that need training are left out once `most` has been taken.

    Of two neighbours only one is grouped, unless a shuffle lies between: else their groups would never meet; and only
    one is dilated, as each needs the other's taps to fill its gaps.
    """
    chosen: list[Advised] = []
    taken: set[str] = set()
    around: set[str] = set()
    room = most
    for candidate in candidates:
        saved = candidate.advice.saved if candidate.advice.effort != "none" else None
        own, lineage = candidate.paths, {above for path in candidate.paths for above in holders(path)}
        is_free = taken.isdisjoint(own | lineage) and around.isdisjoint(own)
        if not is_free or any(are_unsound(candidate, other) for other in chosen):
            continue
        if room and saved and _is_taken(room, saved):
            continue
        if room and saved:
            room = Saving(room.params - saved.params, room.macs - saved.macs)
        chosen.append(candidate)
        taken |= own
        around |= lineage
    return tuple(chosen)


def _is_taken(room: Saving, saved: Saving) -> bool:
    """Whether there is no room left for something that would be saved."""
    return (saved.params > 0 >= room.params) or (saved.macs > 0 >= room.macs)


def exact_first(wanted: Iterable[Advised]) -> list[Advised]:
    """In their order, those that leave the output as it is before the others."""
    return sorted(wanted, key=lambda item: item.advice.effort != "none")


def are_unsound(one: Advised, other: Advised) -> bool:
    """Whether the same rule would change two neighbours of which each relies on the other."""
    return one.change.is_unsound_beside(other.change)


def removes_normalization(proposal: Proposal, facts: ModelFacts) -> bool:
    """Whether a normalization that runs would go, by itself or with the block around it: training needs it."""
    gone = [path for path, units in proposal.replacements if not any(isinstance(unit, BatchNorm) for unit in units)]
    return not facts.normalized.isdisjoint(gone)


def not_beside(rule: str, proposal: Proposal, facts: ModelFacts) -> tuple[str, ...]:
    """Neighbours of the layers that have to stay as they are: those of layers that only group, or that dilate."""
    if rule != dilated_kernel.CODE and not _only_groups(proposal):
        return ()
    known = [facts.convolutions[path] for path, _ in proposal.replacements if path in facts.convolutions]
    return tuple(dict.fromkeys(path for layer in known for path in (*layer.sources, *layer.readers)))


def _only_groups(proposal: Proposal) -> bool:
    """Every layer that it puts in is grouped and nothing mixes after it."""
    units = [unit for _, units in proposal.replacements for unit in units]
    return bool(units) and all(isinstance(unit, Convolution) and unit.groups > 1 for unit in units)


def plan(best: Sequence[Advised], advised: Sequence[Advised]) -> tuple[PlanStep, ...]:
    """The steps: what is chosen and free, what is chosen and needs retraining, what all folding for inference saves."""
    folds = together(item for item in advised if item.advice.inference_only and is_gain(item.advice.saved))
    by_step = {"free": best, "retrain": best, "inference": folds}
    steps = ((step, [item for item in by_step[step] if item.advice.step == step]) for step in STEPS)
    return tuple(
        PlanStep(step, tuple(map(_planned, items)), _sum(item.advice.saved for item in items), _least_kept(items))
        for step, items in steps
        if items
    )


def _planned(item: Advised) -> PlannedChange:
    advice = item.advice
    return PlannedChange(advice.rule, advice.name, advice.path, advice.proposed or "", advice.choice)


def _least_kept(items: Sequence[Advised]) -> float | None:
    kept = [item.advice.kept for item in items]
    known = [share for share in kept if share is not None]
    return min(known) if len(known) == len(kept) else None


def _sum(savings: Iterable[Saving | None]) -> Saving:
    known = [saved for saved in savings if saved is not None]
    return Saving(sum(saved.params for saved in known), sum(saved.macs for saved in known))
