"""What proposals would do to the time of the layers that they replace, as ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.advising import Advised
from analyzer.advising.pricing import current_operators, proposed_operators
from analyzer.estimating.efficiency import Efficiencies, calibrated
from analyzer.estimating.latency import Parts, bound_of, in_dtype_of, parts_of, span
from analyzer.estimating.work import eager, fused_in_a_row
from analyzer.values.devices import Device
from analyzer.values.estimates import ProposalTime
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Op


def proposal_times(advised: Iterable[Advised], facts: ModelFacts, device: Device) -> tuple[ProposalTime, ...]:
    """One entry a proposal that replaces work by work, in the order of the advice."""
    table = calibrated() if device.is_measured else None
    return tuple(_times(advised, facts, device, table))


def _times(
    advised: Iterable[Advised], facts: ModelFacts, device: Device, table: Efficiencies | None
) -> Iterator[ProposalTime]:
    spread = table.layer_spread if table else None
    for item in advised:
        if item.proposal is None:
            continue
        before = _parts(current_operators(item.proposal, facts), device, table)
        after = _parts(proposed_operators(item.proposal, facts), device, table)
        old, new = _seconds(before), _seconds(after)
        if old and new:
            advice, bound = item.advice, bound_of(after)
            yield ProposalTime(advice.rule, advice.path, bound, span(old, spread), span(new, spread), new / old)


def _parts(ops: Sequence[Op], device: Device, table: Efficiencies | None) -> list[Parts]:
    works = tuple(eager(op, "") for op in ops) if table else fused_in_a_row(ops, "")
    return [parts_of(work, device, table) for work in in_dtype_of(device, works)]


def _seconds(parts: Iterable[Parts]) -> float:
    return sum(part.seconds for part in parts)
