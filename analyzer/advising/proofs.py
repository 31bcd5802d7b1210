"""Traces a model with proposals in it: what an analysis says of them is what such a trace shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.formulas.count import Count
from analyzer.values.advice import Saving
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.tracing import OperatorMemo, Retracer
    from analyzer.values.convolution import Proposal


@dataclass(frozen=True)
class Proofs:
    """The traces of one model with other layers in it, beside the trace without."""

    loaded: LoadedModel
    before: Trace
    memo: OperatorMemo | None = None
    """What operators were seen to do when the model was traced before."""

    def traced_with(self, proposals: Sequence[Proposal]) -> Trace:
        """The trace with these in place; Problem when a layer cannot be replaced, or the model no longer runs."""
        from analyzer.rewriting import restructured, rewritten

        original = self.loaded.materialize or (lambda: self.loaded.module)
        return self._retracer.trace(
            lambda module: restructured(module, proposals), lambda: rewritten(original(), proposals).module
        )

    def after(self, proposals: Sequence[Proposal]) -> Trace:
        """The same; Problem also when the model gives outputs of another shape."""
        found = self.traced_with(proposals)
        old, new = _output_shapes(self.before), _output_shapes(found)
        if old != new:
            raise Problem(f"with the proposal {self.loaded.name} gives outputs of shape {new} instead of {old}")
        return found

    def saved_by(self, proposals: Sequence[Proposal]) -> Saving:
        """What the proposals save together, as their trace counts it; Problem as in `after`."""
        return self.saving(self.after(proposals))

    def saving(self, after: Trace) -> Saving:
        """What is saved by the time of that trace."""
        old, new = Count(self.before).total, Count(after).total
        return Saving(old.params - new.params, (old.macs or 0) - (new.macs or 0))

    @cached_property
    def _retracer(self) -> Retracer:
        from analyzer.tracing import Retracer

        return Retracer(self.loaded, self.memo)


def _output_shapes(traced: Trace) -> tuple[tuple[int, ...], ...]:
    return next((module.output_shapes for module in traced.modules if module.path == ""), ())
