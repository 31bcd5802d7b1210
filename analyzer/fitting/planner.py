"""The plan that meets all budgets with the least predicted harm, and the trade-off that it lies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from analyzer.fitting.fit_budgets import Goal
from analyzer.fitting.fitter import Fitter
from analyzer.fitting.integer_programme import Candidate, Solution, solved
from analyzer.fitting.layer_choices import DILATED, GROUPED, LayerChoice
from analyzer.formulas.count import Count
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts
from analyzer.values.fit_results import CurvePoint

SHARES = tuple(step / 20 for step in range(20, 3, -1))
"""Points of the trade-off: from all of the first budget's metric down to a fifth."""
CURVE_SECONDS, CURVE_GAP = 2.0, 2e-3
"""What a point of it may take, and how far its harm may be above the least: less than a figure shows."""
PARTIAL_SHARES = tuple(step / 20 for step in range(20, -1, -1))
"""Of what budgets want saved, tried in this order where some layers were not measured."""
Timing = Callable[[Proposal], int]
"""Nanoseconds that a proposal saves, as estimated."""
Clock = Callable[[ModelFacts], tuple[Callable[[Count], int], Timing]]
"""From a model's facts to the nanoseconds that a count takes, as estimated, and those that a proposal saves."""


@dataclass(frozen=True)
class Planner:
    """The programme over a model's choices."""

    fitter: Fitter
    budgets: tuple[Goal, ...]
    time_of: Callable[[Count], int] = lambda _: 0
    """Nanoseconds that a count takes, as estimated; with `saves` where a budget is on latency."""
    saves: Timing = lambda _: 0

    @cached_property
    def before(self) -> Mapping[str, int]:
        """What the model as it was given takes."""
        return self._totals((self.fitter.origin or self.fitter).count)

    @cached_property
    def start(self) -> Mapping[str, int]:
        """What it takes without its dead channels."""
        return self._totals(self.fitter.count)

    def _totals(self, count: Count) -> Mapping[str, int]:
        total = count.total
        known = {"params": total.params, "macs": total.macs or 0, "size": total.param_bytes}
        return known | {"peak-memory": total.peak_activation_bytes or 0, "latency": self.time_of(count)}

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        return tuple(Candidate(item.choice, item.harm, self._saved(item.choice)) for item in self.fitter.harmed)

    def _saved(self, choice: LayerChoice) -> Mapping[str, int]:
        itemsize = self.fitter.model.get_submodule(choice.path).get_parameter("weight").element_size()
        saved = {"params": choice.saved.params, "macs": choice.saved.macs, "size": choice.saved.params * itemsize}
        asked = any(budget.metric == "latency" for budget in self.budgets)
        return saved | {"peak-memory": 0, "latency": self.saves(choice.proposal) if asked else 0}

    @cached_property
    def exclusions(self) -> tuple[tuple[int, int], ...]:
        """Of neighbours one at most is grouped, else groups never meet; and one at most dilated."""
        places = [(place, item.choice) for place, item in enumerate(self.candidates)]
        kinds = [[(p, choice) for p, choice in places if choice.kind == kind] for kind in (GROUPED, DILATED)]
        return tuple(
            (one, two)
            for found in kinds
            for one, first in found
            for two, second in found
            if second.path in self.fitter.facts.convolutions[first.path].readers
        )

    def needed(self, budgets: Sequence[Goal]) -> dict[str, int]:
        return {b.metric: self.start[b.metric] - b.limit(self.before[b.metric]) for b in budgets}

    def plan(self) -> Solution:
        """The plan with the least predicted harm; Problem when no plan meets all budgets, saying what binds.

        Of the layers measured so far, when measuring was interrupted, a plan that comes near the budgets.
        """
        needed = self.needed(self.budgets)
        shares = PARTIAL_SHARES if self.fitter.unmeasured else (1.0,)
        tried = ({name: share * amount for name, amount in needed.items()} for share in shares)
        found = next(filter(None, (solved(self.candidates, part, self.exclusions) for part in tried)), None)
        if found is None:
            raise Problem(self._refusal())
        return found

    def _refusal(self) -> str:
        """The least that can be had of the first budget that cannot be met, and the layers that keep most of it."""
        for budget in self.budgets:
            metric, before = budget.metric, self.before[budget.metric]
            best = _most_saved(self.candidates, metric)
            least = self.start[metric] - sum(item.saved[metric] for item in best.values())
            if least > budget.limit(before):
                return (
                    f"no plan meets {metric}={budget.asked}: of {before:,} at least {least:,} remain"
                    f"{self._binding(best, metric)}; ask for that much, or leave the budget out"
                )
        asked = ", ".join(f"{budget.metric}={budget.asked}" for budget in self.budgets)
        return f"no plan meets {asked} at once, though each can be met alone; raise one of them"

    def _binding(self, best: Mapping[str, Candidate], metric: str) -> str:
        if metric == "peak-memory":
            return ", as no replacement changes the size of what a layer gives"
        own = {layer.path: layer.params if metric != "macs" else layer.macs or 0 for layer in self.fitter.count.layers}
        saved = {path: item.choice.saved for path, item in best.items()}
        left = {
            path: size - ((saved[path].macs if metric == "macs" else saved[path].params) if path in saved else 0)
            for path, size in own.items()
        }
        most = sorted(left, key=left.__getitem__, reverse=True)[:2]
        return f", most of it in {' and '.join(path or 'the model itself' for path in most)}"

    def curve(self) -> tuple[CurvePoint, ...]:
        """The best plans from all of the first budget's metric down to a fifth, the knee marked."""
        metric = self.budgets[0].metric
        points = [self._point(metric, share) for share in SHARES]
        return with_knee([point for point in points if point is not None])

    def _point(self, metric: str, share: float) -> CurvePoint | None:
        start, limit = self.start, int(share * self.before[metric])
        found = solved(self.candidates, {metric: start[metric] - limit}, self.exclusions, CURVE_SECONDS, CURVE_GAP)
        if found is None:
            return None
        layers = {*self.fitter.removed, *(item.choice.path for item in found.chosen)}
        saved = {name: int(sum(item.saved[name] for item in found.chosen)) for name in (metric, "params", "macs")}
        params, macs = start["params"] - saved["params"], start["macs"] - saved["macs"]
        return CurvePoint(share, start[metric] - saved[metric], params, macs, found.harm, len(layers))


def _most_saved(candidates: Sequence[Candidate], metric: str) -> dict[str, Candidate]:
    best: dict[str, Candidate] = {}
    for item in candidates:
        if item.choice.path not in best or item.saved[metric] > best[item.choice.path].saved[metric]:
            best[item.choice.path] = item
    return best


def with_knee(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The points with the one marked that lies farthest below the line between the first and the last.

    Satopää et al. 2011, "Finding a Kneedle in a Haystack".
    """
    if len(points) < 3 or points[-1].harm <= points[0].harm:
        return tuple(points)
    first, last = points[0], points[-1]

    def below(point: CurvePoint) -> float:
        along = (first.share - point.share) / (first.share - last.share)
        return along - (point.harm - first.harm) / (last.harm - first.harm)

    knee = max(points, key=below)
    return tuple(replace(point, is_knee=point is knee) for point in points)
