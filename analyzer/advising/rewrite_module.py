"""What `analyzer.rewrite` does: advice and requests become one rewritten module, in the same way as on the command."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analyzer.advising import Advised
from analyzer.advising.advisor import AdvisedModel, proved_together
from analyzer.advising.apply_request import requested
from analyzer.advising.choosing import are_unsound, exact_first, together
from analyzer.values.advice import Advice
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from torch import nn

    from analyzer.rewriting.recalibrating import CalibrationInputs

NO_ARGUMENTS = "a request such as 'GRP101=8:layer4.*' is about a forward: pass its arguments to rewrite as well"


def rewrite_module(
    module: nn.Module,
    advice: Iterable[Advice | str],
    model: AdvisedModel | None = None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]] | None = None,
    inputs: CalibrationInputs | None = None,
) -> nn.Module:
    """A copy of the module with the advice in it, as `analyzer.rewrite` says; `model` is the analysed module.

    Exact changes come first. Of neighbours that cannot both be changed the later one is left out, with a warning that
    names it; of requests also those for a layer that another one changes. Afterwards
    random states, and what the module's layers store outside of it when they are run, are as before.
    """
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.loading.wrappers import inner_module
    from analyzer.rewriting.carry_out import carry_out
    from analyzer.rewriting.carrying import refuse_without_values
    from analyzer.rewriting.end_to_end import refuse_inexact
    from analyzer.tracing.left_as_found import left_as_found

    module = inner_module(module)
    refuse_without_values(module)
    traced = model.count.trace.inputs if model else ()
    with left_as_found(LoadedModel("", "", module, (), owned=False)):
        listed = list(advice)
        asked = exact_first(_asked(listed, model))
        chosen = _sound(together(asked) if any(isinstance(item, str) for item in listed) else asked, model)
        proposals = [item.proposal for item in chosen if item.proposal]
        exact = [proposal for proposal in proposals if proposal.is_exact]
        if arguments is not None and exact:
            refuse_inexact(module, exact, arguments)
        result = carry_out(module, proposals, model.facts if model else None, traced, inputs).module
    _warn([item for item in asked if item not in chosen])
    return result


def _asked(advice: Iterable[Advice | str], model: AdvisedModel | None) -> Iterator[Advised]:
    for item in advice:
        if isinstance(item, str):
            if model is None:
                raise Problem(NO_ARGUMENTS)
            yield from requested(item, model)
        elif item.replacements:
            yield Advised(item, _proposal(item))


def _proposal(advice: Advice) -> Proposal:
    from analyzer.rewriting.export import proposal_of

    return replace(proposal_of(advice.replacements), is_exact=advice.effort == "none")


def _sound(asked: Sequence[Advised], model: AdvisedModel | None) -> tuple[Advised, ...]:
    chosen: list[Advised] = []
    for item in asked:
        if not any(are_unsound(item, other) for other in chosen):
            chosen.append(item)
    return proved_together(tuple(chosen), model.proofs)[0] if model else tuple(chosen)


def _warn(left_out: Sequence[Advised]) -> None:
    if left_out:
        names = ", ".join(f"{item.advice.rule} at {item.advice.path}" for item in left_out)
        warnings.warn(
            f"left out, as its layer is changed already or a neighbour would not be sound beside it: {names}",
            stacklevel=4,
        )
