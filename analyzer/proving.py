"""Proves what advice promises: proposals are put into a copy of the model without values, which is traced again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.counting import Count
from analyzer.problem import Problem
from analyzer.results import Saving, Together

if TYPE_CHECKING:
    from analyzer.convolution import Proposal
    from analyzer.graph import Trace
    from analyzer.loading.subject import Subject


def with_proposals(subject: Subject, proposals: Sequence[Proposal]) -> Subject:
    """The subject with the proposals in its module; the subject itself is not touched.

    Weights are carried over only where a trace has to run for real. Problem where a layer cannot be replaced.
    """
    from analyzer.rewriting import restructure, rewritten
    from analyzer.tracing.shadow import MetaTwins, copy_with

    original = subject.materialize or (lambda: subject.module)
    try:
        copied = copy_with(subject.module, MetaTwins())
    except Exception as error:  # whatever a user's class raises when it is copied
        raise Problem(f"{subject.name} cannot be copied ({error}), so no advice can be put into it") from error
    return replace(
        subject,
        module=restructure(copied, proposals),
        materialize=lambda: rewritten(original(), proposals).module,
        owned=True,
    )


def prove(subject: Subject, proposals: Sequence[Proposal], before: Trace) -> Saving:
    """What the proposals save together, as a trace of the rewritten model counts it beside the trace before.

    Problem when the model no longer runs, or gives outputs of another shape.
    """
    from analyzer.tracing import trace

    after = trace(with_proposals(subject, proposals))
    old, new = _output_shapes(before), _output_shapes(after)
    if old != new:
        raise Problem(f"with the proposal {subject.name} gives outputs of shape {new} instead of {old}")
    saved = Count(before).total, Count(after).total
    return Saving(saved[0].params - saved[1].params, (saved[0].macs or 0) - (saved[1].macs or 0))


def taken_together(subject: Subject, chosen: Sequence[Proposal], before: Trace) -> Together:
    """All these proposals at once; no layer may be in two of them."""
    layers = {path for proposal in chosen for path, _ in proposal.replacements}
    return Together(len(layers), prove(subject, chosen, before) if chosen else Saving(0, 0))


def _output_shapes(traced: Trace) -> tuple[tuple[int, ...], ...]:
    return next((module.output_shapes for module in traced.modules if module.path == ""), ())
