"""Carries a plan out on a copy of the model, measures what it did, and proves its integers by a new trace."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from torch import nn

from analyzer.fitting.calibration_batches import PARTS, size_of
from analyzer.fitting.changed_layers import changed_layers, proposals_for
from analyzer.fitting.divergence import distance, measure_of, outputs_of
from analyzer.fitting.fitter import Fitter
from analyzer.fitting.integer_programme import Solution
from analyzer.fitting.layer_choices import GROUPED, LayerChoice
from analyzer.fitting.moments import MOST_ROWS
from analyzer.fitting.networks import norms, sharing_copy, use_batch_statistics
from analyzer.fitting.planner import Planner
from analyzer.fitting.reconstruction import recalibrated, reconstructed
from analyzer.fitting.returned_memory import returned_memory
from analyzer.fitting.single_changes import Baseline
from analyzer.rewriting.channel_order import ordered
from analyzer.rewriting.emitting import EmittedSwap
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem
from analyzer.values.fit_results import CurvePoint, Fit, FitBudget, FittedLayer

ENOUGH = 32
"""Held-out samples below which shares of them are rough."""


@dataclass(frozen=True)
class FitPlan:
    """A model fitted to budgets, what was done, and what it cost."""

    model: nn.Module
    """The fitted model, in eval mode; it shares nothing with the original."""
    result: Fit
    proposals: tuple[Proposal, ...] = ()
    """What was put in, layer by layer, as rewriting takes it."""

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        return self.result.curve

    @property
    def is_untrained(self) -> bool:
        """Whether the weights were found to be random, so that only the structure is of use."""
        return self.result.is_untrained

    @property
    def swaps(self) -> tuple[EmittedSwap, ...]:
        """What was put in, with what is said of each layer in the emitted file."""
        pairs = zip(self.proposals, self.result.layers, strict=True)
        return tuple(EmittedSwap(proposal, _comment(layer)) for proposal, layer in pairs)

    @property
    def choices(self) -> tuple[FittedLayer, ...]:
        return self.result.layers


def _comment(layer: FittedLayer) -> str:
    where = f" ({layer.file}:{layer.line})" if layer.file else ""
    return f"{layer.label}: saves {layer.saved_params:,} parameters, {layer.saved_macs:,} MACs{where}"


@returned_memory()
def fitted(planner: Planner) -> FitPlan:
    """Plan, fit the weights, measure, and prove the integers by a new trace."""
    fitter = planner.fitter
    solution = planner.plan()
    chosen = [item.choice for item in solution.chosen]
    baseline = fitter.baseline_of(_ordered(fitter, chosen))
    made = reconstructed(baseline, chosen, fitter.progress)
    changed, is_new = _recalibrated(baseline, made.model, fitter)
    measured = distance(baseline.wanted, changed, baseline.held_out)
    model = independent(changed, fitter.model)
    layers = changed_layers(fitter, solution.chosen, made.errors)
    result = Fit(
        measure=measure_of(baseline.wanted[0]),
        budgets=_proved(planner, solution, model),
        layers=layers,
        predicted_harm=solution.harm,
        measured_harm=measured.harm,
        agreement=measured.agreement,
        samples=fitter.calibration.samples,
        held_out=fitter.calibration.held_out_samples,
        gap=solution.gap,
        source=fitter.calibration.source,
        is_guess=fitter.calibration.is_guess,
        recalibrated=is_new,
        rectified=len(made.rectified),
        curve=planner.curve(),
        is_untrained=fitter.calibration.is_untrained,
        left_alone=fitter.left_alone,
        is_partial=fitter.unmeasured > 0,
        assumptions=(*fitter.calibration.assumptions, *_unmeasured(fitter), *_of_few(fitter)),
    )
    return FitPlan(model, result, proposals_for(layers, chosen, fitter))


def _unmeasured(fitter: Fitter) -> Iterator[str]:
    """Says so when measuring was interrupted."""
    if fitter.unmeasured:
        layers = len(fitter.baseline.calls)
        done = layers - fitter.unmeasured
        yield f"measuring was stopped after {done} of {layers} layers, so the others stay as they are"


def _of_few(fitter: Fitter) -> Iterator[str]:
    """Says so where measures are rough."""
    held_out, judged = fitter.calibration.held_out_samples, sum(map(size_of, fitter.baseline.judged))
    if judged < held_out:
        yield f"to save time, the harm of one changed layer was measured on {judged} of the {held_out} inputs held out"
    if any(_positions(fitter, path) > MOST_ROWS for path in fitter.baseline.calls):
        yield f"of each layer at most {MOST_ROWS:,} output positions were read, spread over all inputs"
    if held_out < ENOUGH:
        number = "a single input" if held_out == 1 else f"only {held_out} inputs"
        yield f"harm and agreement are rough, as {number} could be held out; give {PARTS * ENOUGH} or more"


def _positions(fitter: Fitter, path: str) -> int:
    """Outputs that a convolution or linear layer gives in all samples that weights are fitted to."""
    calls = fitter.facts.convolutions[path].calls if path in fitter.facts.convolutions else ()
    rows = (one.macs // (one.in_features * one.out_features) for one in fitter.facts.linears if one.path == path)
    return fitter.calibration.samples * (sum(prod(call.output_size) for call in calls) + sum(rows))


def _ordered(fitter: Fitter, chosen: Sequence[LayerChoice]) -> nn.Module:
    """The reference with channels in the order that the chosen groups keep most of."""
    grouped = [choice.proposal for choice in chosen if choice.kind == GROUPED]
    if not grouped:
        return fitter.reference
    result = ordered(sharing_copy(fitter.model), grouped, fitter.facts, fitter.count.trace.inputs)
    if fitter.calibration.is_guess:
        use_batch_statistics(result)
    return result


def _recalibrated(baseline: Baseline, changed: nn.Module, fitter: Fitter) -> tuple[nn.Module, bool]:
    """Whichever is nearer to the original on the inputs that weights were fitted to; random ones say nothing of it."""
    if fitter.calibration.is_guess:
        return changed, False
    fitter.progress("setting the statistics of batch normalizations anew")
    other = recalibrated(baseline.model, changed, baseline.batches)
    if other is None:
        return changed, False
    wanted = outputs_of(baseline.model, baseline.batches)
    better = distance(wanted, other, baseline.batches).harm < distance(wanted, changed, baseline.batches).harm
    return (other, True) if better else (changed, False)


def independent(changed: nn.Module, original: nn.Module) -> nn.Module:
    """A copy in eval mode with tensors of its own, normalizations set as they are in the original."""
    result = copy.deepcopy(changed).eval()
    for norm, like in zip(norms(result), norms(original), strict=True):
        norm.momentum = like.momentum
        if like.num_batches_tracked is not None:
            norm.num_batches_tracked = like.num_batches_tracked.clone()
    return result


def _proved(planner: Planner, solution: Solution, model: nn.Module) -> tuple[FitBudget, ...]:
    """The budgets with what was promised and what a trace of the fitted model counts; Problem when they differ."""
    loaded = replace(planner.fitter.loaded, module=model, materialize=None, owned=False)
    after = replace(planner, fitter=replace(planner.fitter, loaded=loaded, origin=None)).before
    lines = []
    for budget in planner.budgets:
        name, before = budget.metric, planner.before[budget.metric]
        promised = int(planner.start[name] - sum(item.saved[name] for item in solution.chosen))
        lines.append(FitBudget(name, budget.asked, budget.limit(before), before, promised, after[name]))
        if name in ("params", "macs", "size") and promised != after[name]:
            raise Problem(f"the fitted model has {after[name]:,} {name} where {promised:,} were promised; report this")
    return tuple(lines)
