"""Promises are integers that a second trace repeats; what would isolate groups together is found there."""

import pytest
import torch
from torch import nn

from analyzer.advising import Advised, advise
from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.verification import applicable, prove, sound_together
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rules import selected
from analyzer.values.advice import Saving
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.errors import Problem


def conv(inputs: int = 64, outputs: int = 64, groups: int = 1) -> Convolution:
    return Convolution(inputs, outputs, (3, 3), (1, 1), (1, 1), (1, 1), groups)


def model() -> AdvisedModel:
    body = (nn.Conv2d(3, 64, 3), *(nn.Conv2d(64, 64, 3, padding=1, bias=False) for _ in range(3)), nn.Conv2d(64, 9, 1))
    found = study(from_module(nn.Sequential(*body).eval(), (torch.empty(1, 3, 10, 10),), {})).model
    assert found is not None
    return found


def test_the_saving_is_that_of_the_rewritten_model() -> None:
    found = model()
    saved = 64 * 64 * 9 * 3 // 4
    proposal = Proposal((("1", (conv(groups=4),)),))
    assert prove(found.loaded, [proposal], found.count.trace) == Saving(saved, saved * 8 * 8)


def test_a_proposal_of_another_shape_is_no_promise() -> None:
    found = model()
    with pytest.raises(Problem, match="where the layer gives"):
        prove(found.loaded, [Proposal((("3", (conv(64, 32),)),))], found.count.trace)


def grouped(found: AdvisedModel, *paths: str) -> tuple[Advised, ...]:
    assert found.facts is not None
    everything = advise(found.facts, rules=selected(("GRP101",)))
    return tuple(next(item for item in everything if item.advice.path == path) for path in paths)


def test_of_two_neighbours_whose_groups_would_never_meet_the_later_one_goes() -> None:
    found = model()
    chosen, together = sound_together(found.proofs, grouped(found, "1", "2"))
    assert [item.advice.path for item in chosen] == ["1"]
    assert together is not None
    assert (together.layers, together.saved) == (1, chosen[0].advice.saved)


def test_layers_with_a_dense_one_between_are_made_together() -> None:
    found = model()
    chosen, together = sound_together(found.proofs, grouped(found, "1", "3"))
    assert together is not None
    assert (len(chosen), together.layers) == (2, 2)


def test_what_a_rewrite_would_refuse_is_left_out() -> None:
    found = model()
    items = grouped(found, "1", "2")
    found.loaded.module.get_submodule("1").register_forward_hook(lambda *_: None)
    assert [item.advice.path for item in applicable(items, found.loaded)] == ["2"]
