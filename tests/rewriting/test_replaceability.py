"""Layers that nothing can take the place of, and normalizations whose own activation stays when they are folded."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.rewriting import replaceability as replaceability_module
from analyzer.rewriting import rewritten
from analyzer.rewriting.replaceability import children_after, replaceability
from analyzer.values.convolution import Identity, Submodule


class NormThenAct(nn.BatchNorm2d):
    """As timm's BatchNormAct2d: drops and activates what it normalized."""

    def __init__(self, channels: int, act: nn.Module) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training, 0.1, self.eps)
        return self.act(self.drop(x))


class ActThenNorm(NormThenAct):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.BatchNorm2d.forward(self, self.act(x))


class Doubling(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class SameInOtherWords(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)


class Own(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


def randomized(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return module.eval()


def conv() -> nn.Conv2d:
    return nn.Conv2d(8, 8, 3, bias=False)


def hooked(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda *_: None)
    return layer


@pytest.mark.parametrize(
    ("norm", "children"),
    [
        (nn.BatchNorm2d(8), ()),
        (nn.BatchNorm1d(8), ()),
        (nn.SyncBatchNorm(8), ()),
        (SameInOtherWords(8), ()),
        (NormThenAct(8, nn.ReLU(inplace=True)), ("act",)),
        (NormThenAct(8, nn.PReLU(8)), ("act",)),
        (NormThenAct(8, nn.Identity()), ()),
        (ActThenNorm(8, nn.ReLU()), None),
        (Doubling(8), None),
    ],
)
def test_what_a_normalization_does_after_normalizing(norm: nn.Module, children: tuple[str, ...] | None) -> None:
    assert children_after(norm) == children
    assert children_after(norm.to("meta")) == children


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    "layer",
    [
        hooked(conv()),
        parametrizations.weight_norm(conv()),
        nn.Conv2d(8, 8, 3, padding_mode="circular"),
        Own(8, 8, 3),
        torch.jit.script(conv()),
        hooked(nn.BatchNorm2d(8)),
        Doubling(8),
    ],
)
def test_layers_that_nothing_can_take_the_place_of(layer: nn.Module) -> None:
    assert replaceability(nn.Sequential(layer)).fixed == {"0"}


def test_plain_layers_are_free_and_an_activation_is_kept() -> None:
    found = replaceability(nn.Sequential(conv(), NormThenAct(8, nn.SiLU()), conv(), nn.BatchNorm2d(8)))
    assert (found.fixed, found.kept) == (frozenset(), {"1": ("act",)})


def test_a_layer_under_two_names_is_told_under_both() -> None:
    layer = hooked(conv())
    assert replaceability(nn.Sequential(layer, layer)).fixed == {"0", "1"}


def folded(module: nn.Module, shape: tuple[int, ...] = (2, 8, 9, 9)) -> tuple[list[str], float, nn.Module]:
    """What BNM302 says of the model, and how far the output is with all of it done."""
    randomized(module)
    value = torch.randn(shape)
    model = study(from_module(module, (value,), {})).model
    assert model is not None
    items = [item for item in model.advised if item.advice.rule == "BNM302"]
    result = rewritten(module, [item.proposal for item in items if item.proposal]).module
    with torch.no_grad():
        before, after = module(value), result(value)
    return [item.advice.path for item in items], float((after - before).norm() / before.norm()), result


@pytest.mark.parametrize("act", [nn.ReLU(inplace=True), nn.SiLU(), nn.PReLU(8)])
def test_a_normalization_that_activates_is_folded_and_keeps_its_activation(act: nn.Module) -> None:
    paths, error, result = folded(nn.Sequential(conv(), NormThenAct(8, act), nn.Conv2d(8, 4, 1)))
    assert paths == ["0"]
    assert error < 1e-6
    assert type(result[1]) is type(act)


def test_an_activation_that_does_nothing_leaves_an_identity() -> None:
    paths, error, result = folded(nn.Sequential(conv(), NormThenAct(8, nn.Identity())))
    assert (paths, type(result[1])) == (["0"], nn.Identity)
    assert error < 1e-6


@pytest.mark.parametrize("norm", [Doubling(8), ActThenNorm(8, nn.ReLU()), hooked(nn.BatchNorm2d(8))])
def test_a_normalization_that_does_something_else_is_left_and_does_not_refuse_the_rest(norm: nn.Module) -> None:
    paths, error, _ = folded(nn.Sequential(conv(), norm, conv(), nn.BatchNorm2d(8)))
    assert paths == ["2"]
    assert error < 1e-6


def test_what_is_kept_is_told_by_path() -> None:
    model = study(from_module(nn.Sequential(conv(), NormThenAct(8, nn.ReLU())).eval(), (torch.ones(1, 8, 5, 5),), {}))
    assert model.model is not None
    (proposal,) = (item.proposal for item in model.model.advised if item.advice.rule == "BNM302")
    assert proposal is not None
    assert proposal.replacements[1] == ("1", (Submodule("1.act"),))
    assert Identity() not in proposal.replacements[1][1]


READS: dict[str, Callable[[nn.Module, torch.Tensor], torch.Tensor]] = {
    "weight": lambda model, x: model.norm(model.conv(x)) + model.conv.weight.mean(),
    "mean": lambda model, x: model.norm(model.conv(x)) + model.norm.running_mean.mean(),
    "scale": lambda model, x: model.norm(model.conv(x)) * model.norm.weight.norm(),
}


class Reading(nn.Module):
    """A forward that reads a layer's weights or statistics beside calling it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.conv, self.norm, self.kind = conv(), nn.BatchNorm2d(8), kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return READS[self.kind](self, x)


@pytest.mark.parametrize("kind", READS)
def test_layers_whose_weights_something_else_reads_are_left(kind: str) -> None:
    assert folded(Reading(kind))[0] == []


class Switched(nn.BatchNorm2d):
    """Runs its child, or leaves it out, as an attribute says."""

    def __init__(self, is_on: bool, rate: object = 0) -> None:
        super().__init__(4)
        self.act, self.is_on, self.rate = nn.ReLU(), is_on, rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = super().forward(x)
        return self.act(x) * 2 if self.rate == [2] else self.act(x) if self.is_on else x


def test_normalizations_that_differ_in_an_attribute_are_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[nn.Module] = []
    ask = replaceability_module._children_that_run
    monkeypatch.setattr(replaceability_module, "CHILDREN", {})
    monkeypatch.setattr(replaceability_module, "_children_that_run", lambda norm: runs.append(norm) or ask(norm))
    norms = [Switched(True), Switched(True), Switched(False), Switched(True, [2]), Switched(True, [1])]
    assert [children_after(norm) for norm in norms] == [("act",), ("act",), None, None, ("act",)]
    assert runs == [norms[0], *norms[2:]]  # the second is like the first; a list does not tell
