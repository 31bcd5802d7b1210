"""What hangs together with something else is refused, and so are two proposals for one layer."""

from collections.abc import Callable

import pytest
import torch
from rewriting.test_swapping import GROUPED, Twice, conv
from torch import nn

from analyzer.rewriting import restructure, rewritten
from analyzer.rewriting.eligibility import accepts
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem


class Hand(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


def tied() -> nn.Module:
    model = nn.Sequential(conv(), conv())
    model[1].weight = model[0].weight
    return model


def viewed() -> nn.Module:
    model = nn.Sequential(conv(), nn.Linear(9, 64, bias=False))
    model[1].weight = nn.Parameter(model[0].weight.detach().view(64, 9))
    return model


def hooked() -> nn.Module:
    model = nn.Sequential(conv())
    model[0].register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (tied, "another layer uses its weights too"),
        (viewed, "another layer uses its weights too"),
        (hooked, "hooks"),
        (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(conv())), "parametrization"),
        (lambda: nn.Sequential(torch.nn.utils.spectral_norm(conv())), "hooks"),
        (lambda: torch.jit.script(nn.Sequential(conv())), "scripted"),
        (lambda: nn.Sequential(Hand(8, 8, 3, padding=1)), "a forward of its own"),
        (lambda: nn.Sequential(conv(padding_mode="reflect")), "pads with reflect"),
        (lambda: nn.Sequential(nn.Linear(8, 8)), "neither a convolution nor a normalization"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_hangs_together_is_refused(make: Callable[[], nn.Module], reason: str) -> None:
    with pytest.raises(Problem, match=reason):
        restructure(make(), [Proposal((("0", (GROUPED,)),))])


def test_two_proposals_for_one_layer_are_refused() -> None:
    proposals = [Proposal((("first", (GROUPED,)),)), Proposal((("second", (GROUPED,)),))]
    with pytest.raises(Problem, match="two proposals"):
        restructure(Twice(), proposals)
    with pytest.raises(Problem, match="two proposals"):
        rewritten(Twice(), proposals)


def test_what_is_refused_is_not_accepted() -> None:
    proposal = Proposal((("0", (GROUPED,)),))
    assert not accepts(tied())(proposal)
    assert accepts(nn.Sequential(conv(), conv()))(proposal)
