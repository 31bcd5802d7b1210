"""What proposals would do to the time of the layers that they replace, as ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.advising import Timer
from analyzer.advising.pricing import current_operators, proposed_operators
from analyzer.estimating.efficiency import Efficiencies, calibrated
from analyzer.estimating.latency import in_dtype_of, parts_of, span
from analyzer.estimating.work import eager, fused_in_a_row
from analyzer.values.convolution import Proposal
from analyzer.values.devices import Device
from analyzer.values.estimates import ProposalTime
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Op
from analyzer.values.roofline import Parts, bound_of


def proposal_timer(facts: ModelFacts, device: Device) -> Timer:
    """Estimates the time of the layers that a proposal replaces, now and afterwards; None where either takes none."""
    table = calibrated() if device.is_measured else None
    spread = table.layer_spread if table else None

    def time(rule: str, path: str, proposal: Proposal) -> ProposalTime | None:
        before = _parts(current_operators(proposal, facts), device, table)
        after = _parts(proposed_operators(proposal, facts), device, table)
        old, new = _seconds(before), _seconds(after)
        if not (old and new):
            return None
        return ProposalTime(rule, path, bound_of(after), span(old, spread), span(new, spread), new / old)

    return time


def _parts(ops: Sequence[Op], device: Device, table: Efficiencies | None) -> list[Parts]:
    works = tuple(eager(op, "") for op in ops) if table else fused_in_a_row(ops, "")
    return [parts_of(work, device, table) for work in in_dtype_of(device, works)]


def _seconds(parts: Iterable[Parts]) -> float:
    return sum(part.seconds for part in parts)
