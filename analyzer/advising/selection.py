"""Carry out what --apply names: choose the proposals, analyse the rewritten model, write its file and its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised
from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.exactness import refuse_inexact_changes
from analyzer.rules import matching
from analyzer.values.errors import Problem
from analyzer.values.results import Advice

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.rewriting.emitting import EmittedSwap

SHOWN = 3


@dataclass(frozen=True)
class Applied:
    """The advice that is applied to one model, one proposal a layer."""

    loaded: LoadedModel
    chosen: tuple[Advised, ...]

    @property
    def rewritten(self) -> LoadedModel:
        """The model with the proposals in it, to be analysed beside the original."""
        from analyzer.rewriting.export import with_proposals

        proposals = [item.proposal for item in self.chosen if item.proposal]
        return replace(with_proposals(self.loaded, proposals), name=f"{self.loaded.name}-rewritten")

    def refuse_inexact(self, model: AdvisedModel) -> None:
        """Problem when a change that is called exact would alter what the model computes; ask before writing."""
        proposals = [item.proposal for item in self.chosen if item.proposal]
        refuse_inexact_changes(self.loaded, proposals, model.count)

    def emit(self, path: Path, settings: Mapping[str, str], model: AdvisedModel, force: bool) -> None:
        """Write the Python file that builds the rewritten model."""
        from analyzer.rewriting.export import emit

        emit(self.loaded, [_swap(item) for item in self.chosen], path, force, settings, model.count.trace.inputs)

    def save(self, path: Path, model: AdvisedModel, force: bool) -> tuple[str, ...]:
        """Write the rewritten model's state dict; sentences of how far each new layer is from the old one."""
        from analyzer.rewriting.export import save

        proposals = [item.proposal for item in self.chosen if item.proposal]
        errors = save(self.loaded, proposals, path, force, model.facts, model.count.trace.inputs)
        return tuple(f"the output of {layer} differs by {error:.2%} on random input" for layer, error in errors.items())


def applied(model: AdvisedModel, requests: Sequence[str]) -> Applied:
    """What `RULE[:PATTERN]` requests name, the best of each layer; all advice taken together when there are none.

    Problem when a request matches no advice.
    """
    if not requests:
        if not model.best:
            raise Problem(f"{model.loaded.target}: there is no advice that saves anything, so nothing to apply")
        return Applied(model.loaded, model.best)
    proposals = [item for item in model.advised if item.proposal is not None]
    tests = [_test(request, proposals) for request in requests]
    wanted = [item for item in proposals if any(test(item.advice) for test in tests)]
    return Applied(model.loaded, _one_per_layer(wanted))


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


def _swap(item: Advised) -> EmittedSwap:
    from analyzer.rewriting.emitting import EmittedSwap

    advice, proposal = item.advice, item.proposal
    assert proposal is not None
    saved = "" if advice.saved is None else f": saves {advice.saved.params:,} parameters, {advice.saved.macs:,} MACs"
    where = f" ({advice.file}:{advice.line})" if advice.file else ""
    return EmittedSwap(proposal, f"{advice.rule} {advice.name}{saved}{where}")
