"""A trained model and its calibration inputs: what may be changed in it and what each change does to its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import nn

from analyzer.dataflow import facts_of
from analyzer.fitting.calibration_batches import Calibration
from analyzer.fitting.dead_channels import without_dead_channels
from analyzer.fitting.divergence import outputs_of
from analyzer.fitting.layer_choices import LayerChoice, choices, reason_against
from analyzer.fitting.moments import MOST_ROWS
from analyzer.fitting.networks import sharing_copy, use_batch_statistics
from analyzer.fitting.single_changes import Baseline, Harmed, harms
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import LoadedModel
from analyzer.rewriting.eligibility import replaceable
from analyzer.tracing import trace
from analyzer.values.convolution import Unit
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts
from analyzer.values.fit_results import LeftLayer

Progress = Callable[[str], None]
NO_GAIN = "no replacement would save anything"


@dataclass(frozen=True)
class Fitter:
    """A model that is to be fitted: its count, its facts, and the inputs that it is judged on."""

    loaded: LoadedModel
    model: nn.Module
    """The model with its weights; it is never altered."""
    calibration: Calibration
    progress: Progress = lambda _: None
    is_stopped: Callable[[], bool] = lambda: False
    """Asked before each layer after the first: once it says so, no further one is measured."""

    origin: Fitter | None = None
    """The model before its dead channels were taken out; None where none were."""
    removed: Mapping[str, Unit] = field(default_factory=dict)
    """By path, what took the place of the layers that lost dead channels."""

    def without_dead_channels(self) -> Fitter:
        """The fitter of the model without them; the same one where there are none."""
        found = without_dead_channels(self.model, self.facts, self.calls, self.calibration.held_out[0])
        if found is None:
            return self
        loaded = replace(self.loaded, module=found.model, materialize=None, owned=False)
        return replace(self, loaded=loaded, model=found.model, origin=self, removed=found.units)

    @cached_property
    def count(self) -> Count:
        return Count(trace(self.loaded, self.progress))

    @cached_property
    def facts(self) -> ModelFacts:
        return facts_of(self.count.trace, self.count.owners, self.count.costs)

    @cached_property
    def reference(self) -> nn.Module:
        """The model in eval mode; on random inputs it normalizes by the batch, as in training."""
        copied = sharing_copy(self.model)
        if self.calibration.is_guess:
            use_batch_statistics(copied)
        return copied

    @cached_property
    def calls(self) -> Mapping[str, int]:
        """How often a forward calls each module, in order of first calls."""
        return {module.path: module.calls for module in self.count.trace.modules if module.calls}

    @cached_property
    def choices(self) -> tuple[LayerChoice, ...]:
        """What may be put in the place of layers, as far as rewriting can."""
        return tuple(choice for choice in self._offered if choice.path not in self._refused)

    @cached_property
    def _offered(self) -> tuple[LayerChoice, ...]:
        linears = [path for path in self.calls if _is_linear(self.model, path)]
        return tuple(choice for choice in choices(self.facts, linears) if choice.path in self.calls)

    @cached_property
    def _refused(self) -> Mapping[str, str]:
        """By path, why rewriting cannot replace the layer."""
        reasons = {choice.path: self._reason_against(choice) for choice in _firsts(self._offered)}
        return {path: reason for path, reason in reasons.items() if reason}

    def _reason_against(self, choice: LayerChoice) -> str:
        try:
            replaceable(self.model, [choice.proposal])
        except Problem as problem:
            return str(problem).partition(": ")[2].rpartition(";")[0]
        return ""

    @property
    def left_alone(self) -> tuple[LeftLayer, ...]:
        """Convolutions that nothing could take the place of, with the reason."""
        offered = {choice.path for choice in self._offered}
        found = {path: reason_against(layer) for path, layer in self.facts.convolutions.items()}
        useless = {path: NO_GAIN for path, reason in found.items() if not reason and path not in offered}
        return tuple(
            LeftLayer(path, reason) for path, reason in {**found, **useless, **self._refused}.items() if reason
        )

    @cached_property
    def baseline(self) -> Baseline:
        return self.baseline_of(self.reference)

    def baseline_of(self, reference: nn.Module) -> Baseline:
        """What the choices are judged on, with this model as the original."""
        layers = {choice.path for choice in self.choices}
        norms = {path: layer.norm for path, layer in self.facts.convolutions.items() if layer.norm}
        return Baseline(
            model=reference,
            calls={path: calls for path, calls in self.calls.items() if path in layers},
            norms=norms,
            batches=self.calibration.batches,
            held_out=self.calibration.held_out,
            wanted=outputs_of(reference, self.calibration.held_out),
            rows=MOST_ROWS,
            before_relu=frozenset(path for path, layer in self.facts.convolutions.items() if layer.feeds_relu),
            macs=self.facts.macs,
        )

    @cached_property
    def harmed(self) -> tuple[Harmed, ...]:
        """Every choice worth taking, with its predicted harm."""
        return harms(self.baseline, self.choices, self.progress, self.is_stopped)

    @property
    def unmeasured(self) -> int:
        """Layers that were not measured, as the user stopped it."""
        return len(self.baseline.calls) - len({item.choice.path for item in self.harmed})


def _is_linear(model: nn.Module, path: str) -> bool:
    """A layer of torch's own class, read by nothing but its own forward."""
    parent = model.get_submodule(path.rpartition(".")[0])
    fused = isinstance(parent, nn.MultiheadAttention | nn.TransformerEncoderLayer)
    return path != "" and type(model.get_submodule(path)) is nn.Linear and not fused


def _firsts(found: Sequence[LayerChoice]) -> Iterator[LayerChoice]:
    return iter({choice.path: choice for choice in reversed(found)}.values())
