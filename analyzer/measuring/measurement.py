"""One model's measurement: the whole, its layers in context and alone, and proposals beside what they replace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from analyzer.advising.ranking import Advised
from analyzer.measuring.benchmark_model import BenchmarkModel, conditions_of
from analyzer.measuring.energy_counters import NoCounter, counter_for, energy_of
from analyzer.measuring.interleaving import Series, bare, interleave, ratio_of, timing_of
from analyzer.measuring.layer_profiler import Overhead, clock_for, corrected, overhead, profiled, profiled_forward
from analyzer.measuring.measured_steps import Step
from analyzer.measuring.memory_limits import is_freed_memory_kept, keep_freed_memory
from analyzer.measuring.submodule_calls import CallSequence, Shapes, TimedSwap, before_and_after, calls_at, shapes_at
from analyzer.values.counts import Layer
from analyzer.values.errors import Problem
from analyzer.values.timings import Conditions, Energy, Latency, LayerTiming, NoiseWords, ProposalTiming, Timing

if TYPE_CHECKING:
    from analyzer.advising.advisor import AdvisedModel

Predict = Callable[[Advised], tuple[float, float] | None]
"""The range of the time ratio that a device profile promises of a proposal."""
HAS_LAYERS = "it has layers inside it: its own work is timed in context only"
WRITES = "it overwrites what it reads, so that a second run would not be the same: timed in context only"
NOT_CALLED = "its forward was not called as a module's"


@dataclass
class Measurement:
    """The timings so far; each step adds its own, so that an interruption loses one step at most."""

    advised_model: AdvisedModel
    benchmark: BenchmarkModel
    predict: Predict | None = None
    words: NoiseWords = bare
    conditions: Conditions = field(init=False)
    model: Timing | None = None
    kept: Timing | None = None
    energy: Energy | None = None
    in_context: dict[str, Timing] = field(default_factory=dict)
    alone: dict[str, LayerTiming] = field(default_factory=dict)
    proposals: list[ProposalTiming] = field(default_factory=list)
    together: ProposalTiming | None = None

    def __post_init__(self) -> None:
        self.conditions = conditions_of(self.benchmark, self.advised_model.loaded)

    @property
    def steps(self) -> Iterator[Step]:
        """The steps in order of use to the reader."""
        whole, each = self.benchmark.settings.model, self.benchmark.settings.layer
        yield Step("the whole model", self.time_model, whole.seconds)
        yield Step("the whole model with memory kept", self.time_model_kept, whole.seconds)
        yield Step("its layers in context", self.time_in_context, whole.seconds)
        if self.advised_model.best:
            yield Step("the best advice together", self.time_together, 2 * whole.seconds)
        yield Step("its energy", self.read_energy, 1.0)
        for group in self._alike_proposals:
            advice = group[0].advice
            label = f"{advice.rule} at {advice.path or 'the model itself'}"
            yield Step(label, partial(self.time_proposal, group), 2 * each.seconds)
        for layers in self._alike_layers:
            yield Step(layers[0].path or "the model itself", partial(self.time_alone, layers), each.seconds)

    @cached_property
    def rows(self) -> tuple[Layer, ...]:
        """The layers that ran and have parameters or work of their own."""
        rows = self.advised_model.count.layers
        return tuple(row for row in rows if row.calls and (row.params or row.macs or row.other_flops))

    @cached_property
    def _shapes(self) -> dict[str, Shapes]:
        return shapes_at(self.benchmark)

    @property
    def _alike_layers(self) -> list[list[Layer]]:
        """Layers that were built alike and read inputs of one shape: one of them is timed for all."""
        groups: dict[object, list[Layer]] = defaultdict(list)
        for row in self.rows:
            groups[_kind_of(row)].append(row)
        return list(groups.values())

    @property
    def _alike_proposals(self) -> list[list[Advised]]:
        """Proposals of one rule that put the same in the place of the same."""
        kinds = {row.path: _kind_of(row) for row in self.advised_model.count.layers}
        groups: dict[object, list[Advised]] = defaultdict(list)
        for item in self.advised_model.advised:
            if item.proposal is not None:
                replaced = tuple((kinds.get(path), units) for path, units in item.proposal.replacements)
                groups[item.advice.rule, replaced].append(item)
        return list(groups.values())

    def time_model(self) -> None:
        """The whole forward in a process as it is; nothing where an earlier measurement made it keep memory."""
        if not is_freed_memory_kept():
            self.model = self._timed_forward()

    def time_model_kept(self) -> None:
        """The whole forward where the process keeps what it frees, as from here on."""
        kept = keep_freed_memory()
        self.conditions = replace(self.conditions, memory_kept=kept)
        if kept or self.model is None:
            self.kept = self._timed_forward()

    def _timed_forward(self) -> Timing:
        (series,) = interleave([self.benchmark.sample(self.benchmark.forward)], self.benchmark.settings.model)
        return timing_of(series, self.words)

    def read_energy(self) -> None:
        """Joules of one forward, where there are counters."""

        def run() -> None:
            self.benchmark.forward()
            self.benchmark.synchronize()

        try:
            self.energy = energy_of(run, counter_for(self.benchmark.settings.device))
        except NoCounter as reason:
            self.energy = Energy(None, str(reason))

    def time_in_context(self) -> None:
        """Each layer's own time in profiled forwards, with the hooks' cost taken off."""
        clock = clock_for(self.benchmark.settings.device)
        cost = overhead(clock)
        series: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        with profiled(self.benchmark.module, clock) as events:

            def sample() -> tuple[float, ...]:
                spans = profiled_forward(self.benchmark.forward, events, clock)
                for path, span in spans.items():
                    series[path].append((corrected(span, cost),))
                return (sum(span.seconds for span in spans.values()),)

            interleave([sample], self.benchmark.settings.model)
        self._keep(series, cost)

    def _keep(self, series: dict[str, list[tuple[float, ...]]], cost: Overhead) -> None:
        """Keep all rounds but the first, which warmed up."""
        self.in_context = {path: timing_of(turns[1:], self.words) for path, turns in series.items()}
        self.conditions = replace(self.conditions, hooks=cost.inside + cost.outside)

    def time_alone(self, layers: Sequence[Layer]) -> None:
        """Time one layer on the input that it gets in the model; the result holds for all layers built alike."""
        first = layers[0]
        timing, reason = self._alone(first.path)
        for layer in layers:
            alike = None if layer is first or timing is None else first.path
            self.alone[layer.path] = LayerTiming(
                layer.path, layer.kind, layer.calls, layer.macs, alone=timing, alike=alike, reason=reason
            )

    def _alone(self, path: str) -> tuple[Timing | None, str]:
        if any(self.benchmark.module.get_submodule(path).children()):
            return None, HAS_LAYERS
        call = calls_at(self.benchmark, [path]).get(path)
        if call is None:
            return None, NOT_CALLED
        if call.writes_its_input:
            return None, WRITES
        (series,) = interleave([self.benchmark.sample(call)], self.benchmark.settings.layer)
        return timing_of(series, self.words), ""

    def time_proposal(self, group: Sequence[Advised]) -> None:
        """Time the layers that a proposal changes, before and after, interleaved."""
        item = group[0]
        assert item.proposal is not None
        paths = tuple(other.advice.path for other in group)
        predicted = self.predict(item) if self.predict else None
        blank = ProposalTiming(item.advice.rule, item.advice.name, paths, None, predicted=predicted)
        try:
            now, then = before_and_after(self.benchmark, item.proposal, self._shapes)
        except Problem as problem:
            self.proposals.append(replace(blank, reason=str(problem)))
            return
        except Exception as error:  # whatever the model's own code raises where it does not accept the proposal
            self.proposals.append(replace(blank, reason=f"the model does not run with it ({type(error).__name__})"))
            return
        placed = (path for path, units in item.proposal.replacements if units)
        if any(path not in calls for path in placed for calls in (now, then)):
            self.proposals.append(replace(blank, reason=NOT_CALLED))
            return
        ratio = self._macs_ratio({*now, *item.paths}, item.advice.saved.macs if item.advice.saved else 0)
        series = self._series(CallSequence(tuple(now.values())), CallSequence(tuple(then.values())))
        self.proposals.append(replace(self._timed(blank, series), macs_ratio=ratio))

    def _series(self, now: Callable[[], object], then: Callable[[], object]) -> tuple[Series, ...]:
        return interleave([self.benchmark.sample(now), self.benchmark.sample(then)], self.benchmark.settings.layer)

    def _macs_ratio(self, paths: Collection[str], saved: int) -> float | None:
        macs = {row.path: row.macs or 0 for row in self.advised_model.count.layers}
        before = sum(macs.get(path, 0) for path in paths)
        return (before - saved) / before if before else None

    def time_together(self) -> None:
        """Time the whole model with and without the best proposal of each layer, interleaved."""
        proposals = [item.proposal for item in self.advised_model.best if item.proposal]
        paths = tuple(item.advice.path for item in self.advised_model.best)
        blank = ProposalTiming("", "together", paths, self._together_ratio())
        try:
            swap = TimedSwap.of(self.benchmark, proposals)
            with swap.inserted():
                self.benchmark.forward()
        except Exception as error:  # a layer that cannot be replaced, or the model's own code
            self.together = replace(blank, reason=str(error))
            return
        sample = self.benchmark.sample(self.benchmark.forward)

        def restructured() -> Sequence[float]:
            with swap.inserted():
                return sample()

        self.together = self._timed(blank, interleave([sample, restructured], self.benchmark.settings.model))

    def _together_ratio(self) -> float | None:
        whole, taken = self.advised_model.count.total.macs, self.advised_model.together
        return (whole - taken.saved.macs) / whole if whole and taken else None

    def latency(self, finished: bool) -> Latency:
        """Everything that was timed so far."""
        return Latency(
            self.conditions,
            self.model,
            self.kept,
            tuple(self._layer(row) for row in self.rows) if self.in_context or self.alone else (),
            tuple(self.proposals),
            self.together,
            self.energy,
            partial=not finished,
        )

    def _layer(self, row: Layer) -> LayerTiming:
        known = self.alone.get(row.path) or LayerTiming(row.path, row.kind, row.calls, row.macs)
        return replace(known, in_context=self.in_context.get(row.path))

    def _timed(self, blank: ProposalTiming, series: tuple[Series, ...]) -> ProposalTiming:
        now, then = series
        before, after = timing_of(now, self.words), timing_of(then, self.words)
        return replace(blank, before=before, after=after, ratio=ratio_of(then, now, self.words))


def _kind_of(layer: Layer) -> object:
    """A key that is equal for layers of torch built alike with equal input shapes; others get a key of their own."""
    return (layer.settings, layer.input_shapes) if layer.settings else layer.path
