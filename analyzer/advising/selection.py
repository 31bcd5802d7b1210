"""Carry out what --apply names: choose the proposals, analyse the rewritten model, write its file and its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.advising import Advised
from analyzer.advising.advisor import AdvisedModel, proved_together
from analyzer.advising.apply_request import requested
from analyzer.advising.choosing import exact_first, together
from analyzer.advising.exactness import refuse_inexact_changes
from analyzer.values.advice import AppliedChange, Rewriting
from analyzer.values.errors import Problem
from analyzer.values.layer_patterns import lineage
from analyzer.values.requests import RewritingOptions

if TYPE_CHECKING:
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.rewriting.carry_out import CarriedOut
    from analyzer.rewriting.emitting import EmittedSwap
    from analyzer.rewriting.recalibrating import CalibrationInputs


@dataclass(frozen=True)
class Applied:
    """The advice that is applied to one model, one proposal a layer."""

    loaded: LoadedModel
    chosen: tuple[Advised, ...]
    left_out: tuple[Advised, ...] = ()
    """What was asked for and cannot be made beside what was chosen."""

    @property
    def rewritten(self) -> LoadedModel:
        """The model with the proposals in it, to be analysed beside the original."""
        from analyzer.rewriting.export import with_proposals

        proposals = [item.proposal for item in self.chosen if item.proposal]
        with _left_as_found(self.loaded):
            return replace(with_proposals(self.loaded, proposals), name=f"{self.loaded.name}-rewritten")

    def refuse_inexact(self, model: AdvisedModel) -> None:
        """Problem when a change that is called exact would alter what the model computes; ask before writing."""
        proposals = [item.proposal for item in self.chosen if item.proposal]
        refuse_inexact_changes(self.loaded, proposals, model.count)

    def refuse_random(self) -> None:
        """Problem when there are no weights to carry over but random ones; ask before writing."""
        from analyzer.rewriting.export import refuse_random

        with _left_as_found(self.loaded):
            refuse_random(self.loaded, [item.proposal for item in self.chosen if item.proposal])

    def carried_out(self, model: AdvisedModel, calibration: CalibrationInputs | None) -> CarriedOut:
        """The rewritten module with weights; how far each new layer and the whole model are from the old ones."""
        from analyzer.rewriting.export import carried_out

        proposals = [item.proposal for item in self.chosen if item.proposal]
        with _left_as_found(self.loaded):
            return carried_out(self.loaded, proposals, model.facts, model.count.trace.inputs, calibration)

    def write(
        self, options: RewritingOptions, settings: Mapping[str, str], model: AdvisedModel, carried: CarriedOut | None
    ) -> None:
        """Write the Python file that builds the rewritten model, and the state dict that was carried out for it."""
        from analyzer.rewriting.export import emit
        from analyzer.rewriting.saving import save

        module, inputs = carried.module if carried else None, model.count.trace.inputs
        if options.emit:
            swaps = [_swap(item) for item in self.chosen]
            with _left_as_found(self.loaded):
                emit(self.loaded, swaps, Path(options.emit), options.force, settings, inputs, module)
        if options.save and module is not None:
            save(module, Path(options.save), options.force)

    def _instead_of(self, item: Advised) -> tuple[str, str] | None:
        """The rule and the path of what changes one of its layers; None where nothing does."""
        around = {above for path in item.paths for above in lineage(path)}
        taken = (one for one in self.chosen if not one.paths.isdisjoint(around) or _is_around(item, one))
        return next(((one.advice.rule, one.advice.path) for one in taken), None)

    def record(self, carried: CarriedOut | None = None) -> Rewriting:
        """What was applied and what was left out, with the errors of the weights that were carried over."""
        return Rewriting(
            changes=tuple(_change(item, carried) for item in self.chosen),
            left_out=tuple(replace(_change(item, None), instead=self._instead_of(item)) for item in self.left_out),
            error=carried.error if carried else None,
            on_calibration=carried.on_calibration.get("") if carried else None,
            calibration=carried.calibration if carried else "",
        )


def applied(model: AdvisedModel, requests: Sequence[str]) -> Applied:
    """What `RULE[=CHOICE][:LAYERS]` requests name, as far as it can be made together; the plan when there are none.

    Exact changes come first, whatever the order of the requests.

    Problem when a request matches no advice, or names a choice that there is not.
    """
    if not requests:
        if not model.best:
            raise Problem(f"{model.loaded.target}: there is no advice that saves anything, so nothing to apply")
        return Applied(model.loaded, model.best)
    wanted = exact_first(item for request in requests for item in requested(request, model))
    with _left_as_found(model.loaded):
        chosen = proved_together(together(wanted), model.proofs)[0]
    kept = {_name(item) for item in chosen}
    left_out = {_name(item): item for item in wanted if _name(item) not in kept}
    return Applied(model.loaded, chosen, tuple(left_out.values()))


def _left_as_found(loaded: LoadedModel) -> AbstractContextManager[object]:
    """What layers store outside of them when they are run, to see whether they can be replaced, is given back."""
    from analyzer.tracing.left_as_found import left_as_found

    return left_as_found(loaded)


def _name(item: Advised) -> tuple[str, str]:
    return item.advice.rule, item.advice.path


def _is_around(item: Advised, other: Advised) -> bool:
    return any(above in item.paths for path in other.paths for above in lineage(path))


def _change(item: Advised, carried: CarriedOut | None) -> AppliedChange:
    change = AppliedChange(item.advice.rule, item.advice.name, item.advice.path)
    if carried is None:
        return change
    first = item.proposal.replacements[0][0] if item.proposal else item.advice.path
    errors = carried.on_calibration.get(first)
    return replace(change, error=carried.errors.get(first), is_fresh=first in carried.fresh, on_calibration=errors)


def _swap(item: Advised) -> EmittedSwap:
    from analyzer.rewriting.emitting import EmittedSwap

    advice, proposal = item.advice, item.proposal
    assert proposal is not None
    saved = "" if advice.saved is None else f": saves {advice.saved.params:,} parameters, {advice.saved.macs:,} MACs"
    where = f" ({advice.file}:{advice.line})" if advice.file else ""
    return EmittedSwap(proposal, f"{advice.rule} {advice.name}{saved}{where}")
