"""Carry out what --apply names: choose the proposals, analyse the rewritten model, write its file and its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised, best_per_layer
from analyzer.consulting import Consultation
from analyzer.problem import Problem
from analyzer.results import Advice
from analyzer.rules import matching

if TYPE_CHECKING:
    from analyzer.loading.subject import Subject
    from analyzer.rewriting.emitting import Swap

SHOWN = 3


@dataclass(frozen=True)
class Applied:
    """The advice that is applied to one model, one proposal a layer."""

    subject: Subject
    chosen: tuple[Advised, ...]

    @property
    def rewritten(self) -> Subject:
        """The model with the proposals in it, to be analysed beside the original."""
        from analyzer.proving import with_proposals

        proposals = [item.proposal for item in self.chosen if item.proposal]
        return replace(with_proposals(self.subject, proposals), name=f"{self.subject.name}-rewritten")

    def emit(self, path: Path, settings: Mapping[str, str], consulted: Consultation, force: bool) -> None:
        """Write the Python file that builds the rewritten model."""
        from analyzer.acting import emit

        emit(self.subject, [_swap(item) for item in self.chosen], path, force, settings, consulted.count.trace.inputs)

    def save(self, path: Path, consulted: Consultation, force: bool) -> tuple[str, ...]:
        """Write the rewritten model's state dict; sentences of how far each new layer is from the old one."""
        from analyzer.acting import save

        proposals = [item.proposal for item in self.chosen if item.proposal]
        errors = save(self.subject, proposals, path, force, consulted.facts, consulted.count.trace.inputs)
        return tuple(f"the output of {layer} differs by {error:.2%} on random input" for layer, error in errors.items())


def applied(consulted: Consultation, requests: Sequence[str]) -> Applied:
    """What `RULE[:PATTERN]` requests name, the best of each layer; all advice taken together when there are none.

    Problem when a request matches no advice.
    """
    if not requests:
        chosen = best_per_layer(consulted.advised, consulted.facts)
        if not chosen:
            raise Problem(f"{consulted.subject.target}: there is no advice that saves anything, so nothing to apply")
        return Applied(consulted.subject, chosen)
    proposals = [item for item in consulted.advised if item.proposal is not None]
    tests = [_test(request, proposals) for request in requests]
    wanted = [item for item in proposals if any(test(item.advice) for test in tests)]
    return Applied(consulted.subject, _one_per_layer(wanted))


def _one_per_layer(wanted: Sequence[Advised]) -> tuple[Advised, ...]:
    """In their order, what saves most first: each that replaces no layer that another one has replaced."""
    chosen: list[Advised] = []
    for item in wanted:
        if not any(item.paths & other.paths for other in chosen):
            chosen.append(item)
    return tuple(chosen)


def _test(request: str, proposals: Sequence[Advised]) -> Callable[[Advice], bool]:
    name, colon, pattern = request.partition(":")
    codes = {rule.CODE for rule in matching(name)}
    offered = [item.advice for item in proposals if item.advice.rule in codes]

    def test(advice: Advice) -> bool:
        return advice.rule in codes and (not colon or fnmatchcase(advice.path, pattern))

    if not any(test(advice) for advice in offered):
        raise Problem(f"--apply {request} matches no advice: {_offer(name, offered)}")
    return test


def _offer(name: str, offered: Sequence[Advice]) -> str:
    if not offered:
        return f"{name} has nothing to propose for this model"
    more = f" and {len(offered) - SHOWN} more" if len(offered) > SHOWN else ""
    return f"{name} is advised for {', '.join(advice.path for advice in offered[:SHOWN])}{more}"


def _swap(item: Advised) -> Swap:
    from analyzer.rewriting.emitting import Swap

    advice, proposal = item.advice, item.proposal
    assert proposal is not None
    saved = "" if advice.saved is None else f": saves {advice.saved.params:,} parameters, {advice.saved.macs:,} MACs"
    where = f" ({advice.file}:{advice.line})" if advice.file else ""
    return Swap(proposal, f"{advice.rule} {advice.name}{saved}{where}")
