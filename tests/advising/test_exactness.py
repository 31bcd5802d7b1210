"""A change is called exact only where the whole model computes the same with it; else it is not said, or refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import analyzer
from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.exactness import refuse_inexact_changes
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rewriting.end_to_end import refuse_inexact, with_random_statistics
from analyzer.values.convolution import Identity, Proposal
from analyzer.values.errors import Problem
from analyzer.values.notes import note


class Asking(nn.Module):
    """A forward that asks what kind of layer it calls."""

    def __init__(self, other: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)])
        self.other = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)) if other else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.BatchNorm2d):
                x = x.relu() * 2
        return self.other(x)


class Counting(Asking):
    """Counts its normalizations; what it counts only scales the output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * sum(isinstance(layer, nn.BatchNorm2d) for layer in self.layers)


class ByValue(nn.Module):
    """A forward that only runs with values."""

    def __init__(self, trick: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.trick = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), trick

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        doubled = self.trick and isinstance(self.norm, nn.BatchNorm2d)
        return 2 * x if doubled or float(x.mean()) > 1e9 else x


def advised(module: nn.Module) -> AdvisedModel:
    found = study(from_module(module.eval(), (torch.randn(1, 3, 9, 9),), {})).model
    assert found is not None
    return found


def exact(module: nn.Module) -> list[str]:
    return [
        f"{item.advice.rule} {item.advice.path}" for item in advised(module).advised if item.advice.effort == "none"
    ]


@pytest.mark.parametrize("make", [Asking, Counting])
def test_a_change_that_the_forward_would_notice_is_not_said(make: Callable[[], nn.Module]) -> None:
    assert [line for line in exact(make()) if line.startswith("BNM302")] == []
    assert [line for line in exact(make()) if line.startswith("BNM301")] == ["BNM301 layers.0", "BNM301 layers.2"]


def test_what_does_not_hold_does_not_take_the_rest_with_it() -> None:
    assert [line for line in exact(Asking(other=True)) if line.startswith("BNM302")] == ["BNM302 other.0"]


@pytest.mark.parametrize(("trick", "said"), [(False, 1), (True, 0)])
def test_a_model_that_has_to_run_for_real_is_run(trick: bool, said: int) -> None:
    found = [item for item in advised(ByValue(trick)).advised if item.advice.rule == "BNM302"]
    assert [item.evidence for item in found] == said * [note("same-output", error=1e-12)]


def folded(module: nn.Module, conv: str, norm: str) -> Proposal:
    """The proposal that BNM302 would make for a convolution and its normalization in any model."""
    plain = nn.Sequential(module.get_submodule(conv), module.get_submodule(norm))
    channels = plain[0].in_channels
    found = study(from_module(plain.eval(), (torch.ones(1, channels, 9, 9),), {})).model
    assert found is not None
    (proposal,) = (item.proposal for item in found.advised if item.advice.rule == "BNM302" and item.proposal)
    units = [units for _, units in proposal.replacements]
    return Proposal(((conv, units[0]), (norm, units[1])), is_exact=True)


def test_running_it_tells_which_layer_and_how_far() -> None:
    model = Asking(other=True).eval()
    holds, fails = folded(model, "other.0", "other.1"), folded(model, "layers.2", "layers.3")
    arguments = ((torch.randn(2, 3, 9, 9),), {})
    assert refuse_inexact(model, [holds], arguments) < 1e-9
    with pytest.raises(Problem, match=r"layers\.2: the change would alter the model's output by \d+\.\d\d% on random"):
        refuse_inexact(model, [holds, fails], arguments)


def test_untrained_statistics_hide_nothing() -> None:
    """As built a normalization divides by sqrt(1 + 1e-5): leaving it out would go unseen at that precision."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    arguments = ((torch.randn(2, 3, 9, 9),), {})
    with pytest.raises(Problem, match="1: the change would alter"):
        refuse_inexact(model, [Proposal((("1", (Identity(),)),))], arguments)


def test_trained_statistics_and_the_model_itself_are_left_alone() -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2)).train()
    model[0].running_mean.fill_(3)
    copied = with_random_statistics(model)
    assert torch.equal(copied[0].running_mean, torch.full((2,), 3.0))
    assert not torch.equal(copied[1].running_mean, torch.zeros(2))
    assert not copied.training
    assert model.training
    assert torch.equal(model[1].running_mean, torch.zeros(2))


def test_a_refusal_before_writing_is_told_in_one_sentence() -> None:
    model = Counting()
    found = advised(model)
    with pytest.raises(Problem, match=r"layers\.0: the change would alter the model's output by") as caught:
        refuse_inexact_changes(found.loaded, [folded(model, "layers.0", "layers.1")], found.count)
    assert "\n" not in str(caught.value)


def test_lossy_changes_are_none_of_its_business() -> None:
    model = Counting()
    found = advised(model)
    proposal = folded(model, "layers.0", "layers.1")
    refuse_inexact_changes(found.loaded, [Proposal(proposal.replacements)], found.count)


def test_rewriting_in_python_with_arguments_runs_both() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    value = torch.randn(1, 3, 9, 9)
    advice = [item for item in analyzer.analyze(model, value).advice if item.rule == "BNM302"]
    assert isinstance(analyzer.rewrite(model, advice, value)[1], nn.Identity)
    counting = Counting().eval()
    moved = tuple(replace(item, path=f"layers.{item.path}") for item in advice[0].replacements)
    wrong = [replace(advice[0], replacements=moved)]
    with pytest.raises(Problem, match="alter the model's output"):
        analyzer.rewrite(counting, wrong, value)


def test_with_a_checkpoint_the_advice_says_how_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.loading import ModelRequest, load

    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "from torch import nn, zeros\n\n\ndef build_model():\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()\n\n\n"
        "example_inputs = zeros(1, 3, 9, 9)\n"
    )
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    torch.save(model.state_dict(), "net.pt")
    for request, said in (
        (ModelRequest("net.py"), None),
        (ModelRequest("net.py", checkpoint="net.pt"), note("same-output", error=1e-12)),
    ):
        found = study(load(request)).model
        assert found is not None
        (item,) = (item for item in found.advised if item.advice.rule == "BNM302")
        assert item.evidence == said
