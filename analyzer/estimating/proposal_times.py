"""What proposals would do to the time of the layers that they replace, as ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from analyzer.advising import Timer
from analyzer.advising.pricing import current_layers, operators, proposed_layers, recomputed_in
from analyzer.estimating.efficiency import Efficiencies, calibrated
from analyzer.estimating.latency import in_dtype_of, parts_of, span
from analyzer.estimating.work import eager, fused_in_a_row
from analyzer.values.convolution import Convolution, Proposal, Unit
from analyzer.values.devices import Device
from analyzer.values.estimates import ProposalTime
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Op
from analyzer.values.roofline import Parts, bound_of


def proposal_timer(facts: ModelFacts, device: Device) -> Timer:
    """Estimates the seconds of the layers that a proposal replaces, now and afterwards; None where either is zero."""
    table = calibrated() if device.is_measured else None
    spread = table.layer_spread if table else None

    @cache
    def parts(units: tuple[Unit, ...], first: Convolution) -> tuple[Parts, ...]:
        """Blocks of a model are alike, and so are the alternatives for their layers."""
        return _parts(operators(units, first), device, table)

    def time(rule: str, path: str, proposal: Proposal) -> ProposalTime | None:
        before, after = current_layers(proposal, facts), proposed_layers(proposal, facts)
        now, then = ([part for layer in layers for part in parts(*layer)] for layers in (before, after))
        now += (part for layer in recomputed_in(proposal, facts) for part in _parts(layer.operators, device, table))
        old, new = _seconds(now), _seconds(then)
        if not (old and new):
            return None
        return ProposalTime(rule, path, bound_of(then), span(old, spread), span(new, spread), new / old)

    return time


def _parts(ops: Sequence[Op], device: Device, table: Efficiencies | None) -> tuple[Parts, ...]:
    works = tuple(eager(op, "") for op in ops) if table else fused_in_a_row(ops, "")
    return tuple(parts_of(work, device, table) for work in in_dtype_of(device, works))


def _seconds(parts: Iterable[Parts]) -> float:
    return sum(part.seconds for part in parts)
