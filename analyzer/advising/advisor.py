"""Ask for advice on a traced model: facts, rules, silenced lines, what the weights say, and proof of the total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised, advise, best_per_layer
from analyzer.advising.suppression import Ignore, ignores, is_silenced, unused
from analyzer.dataflow import facts_of
from analyzer.dataflow.receptive_field.fields import Field
from analyzer.formulas.count import Count
from analyzer.rules import dilate_instead_of_downsample, selected
from analyzer.values.convolution import Convolution
from analyzer.values.devices import Device, device_for
from analyzer.values.errors import Problem
from analyzer.values.facts import ModelFacts
from analyzer.values.results import Together
from analyzer.values.roofline import bound, bound_text, bytes_moved

if TYPE_CHECKING:
    from torch import Tensor

    from analyzer.evidence import NormStatistics
    from analyzer.loading.loaded_model import LoadedModel

MAX_EVIDENCE = 10
"""The weights are asked about so many proposals, those that save most: an answer takes as long as a small trace."""


@dataclass(frozen=True)
class Advisor:
    """What the selected rules say of one model."""

    loaded: LoadedModel
    count: Count
    fields: Mapping[str, Field]
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    device: Device = field(default_factory=device_for)

    @cached_property
    def facts(self) -> ModelFacts:
        """Facts about the layers, on this device."""
        return facts_of(
            self.count.trace,
            self.count.owners,
            self.count.costs,
            bound=self._bound,
            device=self.device.name,
            never_run=[(module.path, module.params) for module in self.count.never_run],
            fields=self.fields,
        )

    def _bound(self, convolution: Convolution) -> str:
        weights = convolution.params - (convolution.out_channels if convolution.bias else 0)
        positions = convolution.input_size if convolution.transposed else convolution.output_size
        macs = convolution.batch * weights
        for size in positions:
            macs *= size
        return bound(macs, bytes_moved(convolution), self.device)

    @cached_property
    def _all(self) -> tuple[Advised, ...]:
        """Everything that the rules say, the silenced included."""
        sources = {path: (source.file, source.line) for path, source in self.loaded.sources.items()}
        rules = selected(self.select, self.ignore)
        return advise(self.facts, sources, rules, lambda macs, nbytes: bound_text(macs, nbytes, self.device))

    @cached_property
    def advised(self) -> tuple[Advised, ...]:
        """What no comment in the source silences, with the evidence of the checkpoint's weights."""
        heard = tuple(i for i in self._all if not is_silenced(i.advice, self._comments) and self._holds(i))
        return _with_evidence(heard, self.facts, self.loaded) if self.loaded.weights else heard

    def _holds(self, item: Advised) -> bool:
        """Whether a change of resolution gives what it promises: what resizes may be written in a forward, unseen."""
        from analyzer.advising.verification import prove

        if item.proposal is None or item.advice.rule != dilate_instead_of_downsample.CODE:
            return True
        if self.count.trace.mode == "real":
            return False
        try:
            return prove(self.loaded, [item.proposal], self.count.trace) == item.advice.saved
        except Problem:
            return False

    @cached_property
    def _comments(self) -> tuple[Ignore, ...]:
        return ignores({item.advice.file for item in self._all if item.advice.file}, _read)

    @property
    def idle_comments(self) -> tuple[str, ...]:
        """A sentence for each comment that silences nothing."""
        return unused(self._comments, [item.advice for item in self._all], selected(self.select, self.ignore))

    @cached_property
    def together(self) -> Together | None:
        """The best proposal of each layer at once, proved by tracing the rewritten model; None where that cannot be.

        A model that has to run for real is not run twice: what it does depends on the values that new layers give.
        """
        from analyzer.advising.verification import taken_together

        chosen = [item.proposal for item in best_per_layer(self.advised, self.facts) if item.proposal]
        if not chosen or self.count.trace.mode == "real":
            return None
        try:
            return taken_together(self.loaded, chosen, self.count.trace)
        except Problem:
            return None


def _read(file: str) -> str | None:
    """The text of one of the user's files; installed packages are not theirs to silence."""
    path = Path(file)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _with_evidence(advised: Sequence[Advised], facts: ModelFacts, loaded: LoadedModel) -> tuple[Advised, ...]:
    weights = loaded.weights() if loaded.weights else {}
    asked = [item for item in advised if item.proposal and item.advice.effort != "none"][:MAX_EVIDENCE]
    return tuple(_asked(item, facts, weights) if item in asked else item for item in advised)


def _asked(item: Advised, facts: ModelFacts, weights: Mapping[str, Tensor]) -> Advised:
    from analyzer.evidence import evidence_for

    path = item.advice.path
    layer, weight = facts.convolutions.get(path), weights.get(f"{path}.weight")
    if layer is None or weight is None or item.proposal is None:
        return item
    units = dict(item.proposal.replacements).get(path, ())
    found = evidence_for(layer.convolution, units, weight, feeds=_statistics(layer.norm, weights))
    return replace(item, advice=replace(item.advice, evidence=found))


def _statistics(norm: str | None, weights: Mapping[str, Tensor]) -> NormStatistics | None:
    from analyzer.evidence import NormStatistics

    if norm is None:
        return None
    names = ("running_mean", "running_var", "weight", "bias")
    batches = weights.get(f"{norm}.num_batches_tracked")
    tensors = {name: weights.get(f"{norm}.{name}") for name in names}
    return NormStatistics(**tensors, num_batches_tracked=None if batches is None else int(batches))
