"""Proves what advice promises: proposals are put into a copy of the model without values, which is traced again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer.formulas.count import Count
from analyzer.values.errors import Problem
from analyzer.values.results import Saving, Together

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.values.convolution import Proposal
    from analyzer.values.graph import Trace


def prove(loaded: LoadedModel, proposals: Sequence[Proposal], before: Trace) -> Saving:
    """What the proposals save together, as a trace of the rewritten model counts it beside the trace before.

    Problem when the model no longer runs, or gives outputs of another shape.
    """
    from analyzer.rewriting.export import with_proposals
    from analyzer.tracing import trace

    after = trace(with_proposals(loaded, proposals))
    old, new = _output_shapes(before), _output_shapes(after)
    if old != new:
        raise Problem(f"with the proposal {loaded.name} gives outputs of shape {new} instead of {old}")
    saved = Count(before).total, Count(after).total
    return Saving(saved[0].params - saved[1].params, (saved[0].macs or 0) - (saved[1].macs or 0))


def taken_together(loaded: LoadedModel, chosen: Sequence[Proposal], before: Trace) -> Together:
    """All these proposals at once; no layer may be in two of them."""
    layers = {path for proposal in chosen for path, _ in proposal.replacements}
    return Together(len(layers), prove(loaded, chosen, before) if chosen else Saving(0, 0))


def _output_shapes(traced: Trace) -> tuple[tuple[int, ...], ...]:
    return next((module.output_shapes for module in traced.modules if module.path == ""), ())
