"""What each choice would do to the model's output: measured with one layer changed at a time, and interpolated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, log

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.fitting.calibration_batches import first_samples, size_of
from analyzer.fitting.divergence import Outputs, distance, outputs_of
from analyzer.fitting.layer_choices import GROUPED, WIDEST, LayerChoice
from analyzer.fitting.moments import width
from analyzer.fitting.networks import Batches, Runs, Side, gathered, swapped
from analyzer.fitting.replacing import Fitted, Replaceable, shifted
from analyzer.fitting.resuming import Resumer, can_resume
from analyzer.fitting.time_left import TimeLeft

FEWEST = 3
"""Choices of a layer whose harm is measured at least; that of others is interpolated by how far outputs are off."""
FEW_SAMPLES = 8
"""Samples at least that a harm is measured on, where there are so many."""
MACS = 2 * 10**12
"""What measuring may take in all where more choices than that could be measured: a minute or two of two cores."""
FLOOR = 1e-12
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Harmed:
    """A choice, how far its layer's output is off, and what that does to the model's output."""

    choice: LayerChoice
    error: float
    harm: float
    measured: bool = False


@dataclass(frozen=True)
class Baseline:
    """The model as it is, and the data that choices are judged on."""

    model: nn.Module
    calls: Mapping[str, int]
    """Every layer that has choices, in execution order, and how often a forward calls it."""
    norms: Mapping[str, str]
    """By convolution, the normalization that alone reads it."""
    batches: Batches
    held_out: Batches
    wanted: Outputs
    """What the model gives for the held-out batches."""
    rows: int
    before_relu: frozenset[str] = frozenset()
    """Layers whose output only a ReLU reads, directly or through their normalization."""
    macs: int = 0
    """Of a forward of one sample."""

    @cached_property
    def judged(self) -> Batches:
        """The held-out batches, cut to as many samples as measuring a few choices of each layer can take."""
        return tuple(first_samples(self.held_out, max(FEW_SAMPLES, self._forwards // (FEWEST * len(self.calls)))))

    @cached_property
    def judged_outputs(self) -> Outputs:
        """What the model gives for the judged batches."""
        whole = sum(map(size_of, self.judged)) == sum(map(size_of, self.held_out))
        return self.wanted if whole else outputs_of(self.model, self.judged)

    @cached_property
    def can_resume(self) -> bool:
        """Whether the model can be run from each layer on."""
        return bool(self.calls) and can_resume(self.model, self.calls, self.judged[0], self.judged_outputs[0])

    def judged_from(self, model: nn.Module) -> Callable[[str], Sequence[Runs]]:
        """The judged batches from a layer on, asked for in execution order, for a copy of the model."""
        return Resumer(model, self.judged).at if self.can_resume else lambda _: self.judged

    def fitted_from(self, model: nn.Module) -> Callable[[str], Side]:
        """The batches that weights are fitted to, likewise, as far as their activations take half of the model."""
        resumer = Resumer(model, self.batches, room=sum(tensor.nbytes for tensor in model.parameters()) // 2)
        return lambda path: Side(model, resumer.at(path) if self.can_resume else self.batches)

    @property
    def settings(self) -> int:
        """Choices of each layer to measure."""
        return max(FEWEST, self._forwards // (sum(map(size_of, self.judged)) * len(self.calls)))

    @property
    def _forwards(self) -> int:
        """Of one sample, that measuring may take; from a layer on half of the model is run on average."""
        return 2 * MACS // max(1, self.macs)

    def norm_of(self, path: str, model: nn.Module | None = None) -> _BatchNorm | None:
        """The normalization after a layer, if it is there and stores statistics."""
        found = (model or self.model).get_submodule(self.norms[path]) if path in self.norms else None
        return found if isinstance(found, _BatchNorm) and found.running_mean is not None else None


def harms(
    baseline: Baseline,
    choices: Sequence[LayerChoice],
    progress: Progress,
    is_stopped: Callable[[], bool] = lambda: False,
) -> tuple[Harmed, ...]:
    """Every choice that no other one of its layer dominates, with its harm.

    When the user interrupts, or `is_stopped` says so before a layer after the first, those of the layers that are done;
    KeyboardInterrupt when none is.
    """
    own = {path: [choice for choice in choices if choice.path == path] for path in baseline.calls}
    found: list[Harmed] = []
    remaining = TimeLeft(len(baseline.calls))
    judged_from = baseline.judged_from(baseline.model)
    try:
        for index, (path, layer) in enumerate(_replaceables(baseline)):
            if found and is_stopped():
                break
            step = f"layer {index + 1} of {len(baseline.calls)}{remaining.after(index)}"
            progress(f"measuring what changes of {path} do, {step}")
            found += _of_layer(baseline, layer, own[path], judged_from(path))
    except KeyboardInterrupt:
        if not found:
            raise
    return tuple(found)


def _replaceables(baseline: Baseline) -> Iterator[tuple[str, Replaceable]]:
    """Layers with their averages, gathered for as many at a time as the largest one takes memory."""
    for group in _chunks(baseline):
        sums = gathered(Side(baseline.model, baseline.batches), group, baseline.rows)
        for path in group:
            if path in sums:
                yield path, Replaceable.of(baseline.model.get_submodule(path), baseline.norm_of(path), sums.pop(path))


def _chunks(baseline: Baseline) -> Iterator[dict[str, int]]:
    group: dict[str, int] = {}
    used = 0
    for path, calls in baseline.calls.items():
        values = width(baseline.model.get_submodule(path))
        if group and used + values**2 > WIDEST**2:
            yield group
            group, used = {}, 0
        group[path] = calls
        used += values**2 if values <= WIDEST else 0
    if group:
        yield group


def _of_layer(baseline: Baseline, layer: Replaceable, own: Sequence[LayerChoice], runs: Sequence[Runs]) -> list[Harmed]:
    kept: list[Harmed] = []
    fitted: dict[LayerChoice, Fitted] = {}
    for kind in dict.fromkeys(choice.kind for choice in own):  # one by one, as their weights take memory
        alike = [choice for choice in own if choice.kind == kind]
        is_grouped = kind == GROUPED  # once the channels around are renumbered
        fitted |= {one: layer.regrouped(one.setting) for one in alike} if is_grouped else layer.fitted(alike)
        kept = undominated([Harmed(choice, new.error, 0.0) for choice, new in fitted.items()])
        fitted = {item.choice: fitted[item.choice] for item in kept}
    chosen = {item: fitted[item.choice] for item in _spread(kept, baseline.settings)}
    fitted.clear()
    measured = {
        item.choice: replace(item, harm=harm_of(baseline, baseline.model, item.choice.path, new, runs), measured=True)
        for item, new in chosen.items()
    }
    points = list(measured.values())
    return [measured.get(item.choice) or replace(item, harm=_between(item, points)) for item in kept]


def _between(item: Harmed, measured: Sequence[Harmed]) -> float:
    """The harm by the measured choices of its kind, by all of the layer where those are fewer than two."""
    alike = [point for point in measured if point.choice.kind == item.choice.kind]
    return interpolated(item.error, [(point.error, point.harm) for point in (alike if len(alike) > 1 else measured)])


def undominated(items: Sequence[Harmed]) -> list[Harmed]:
    """Those of one layer that no other one beats in everything, by their error."""

    def beats(one: Harmed, other: Harmed) -> bool:
        a, b = one.choice.saved, other.choice.saved
        as_good = a.params >= b.params and a.macs >= b.macs and one.error <= other.error
        return as_good and (a, one.error) != (b, other.error)

    kept = [item for item in items if not any(beats(other, item) for other in items)]
    return sorted(kept, key=lambda item: item.error)


def _spread(items: Sequence[Harmed], number: int) -> list[Harmed]:
    """So many of them, from the least error to the most."""
    if len(items) <= number:
        return list(items)
    last = len(items) - 1
    return [items[round(step * last / (number - 1))] for step in range(number)]


def harm_of(baseline: Baseline, model: nn.Module, path: str, new: Fitted, runs: Sequence[Runs]) -> float:
    """The divergence of a model's output on the judged batches with this one layer changed."""
    norm = baseline.norm_of(path, model)
    before = None if norm is None else norm.running_mean
    with swapped(model, path, new.layer):
        if norm is not None:
            shifted(norm, new.shift)
        try:
            return distance(baseline.judged_outputs, model, runs).harm
        finally:
            if norm is not None:
                norm.running_mean = before


def interpolated(error: float, points: Sequence[tuple[float, float]]) -> float:
    """The harm at an error, along straight lines in logarithms; in proportion to the error beyond the ends.

    A divergence grows with the square of a small change, as the error does. Harm never falls as the error grows.
    """
    line = _monotone(points)
    below = [point for point in line if point[0] <= error]
    above = [point for point in line if point[0] > error]
    if not below or not above:
        at, harm = above[0] if above else below[-1]
        return harm * max(error, FLOOR) / at
    (x0, y0), (x1, y1) = below[-1], above[0]
    part = (log(max(error, FLOOR)) - log(x0)) / (log(x1) - log(x0))
    return exp(log(y0) + part * (log(y1) - log(y0)))


def _monotone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for error, harm in sorted(points):
        result.append((max(error, FLOOR), max(harm, FLOOR, result[-1][1] if result else 0.0)))
    return result
