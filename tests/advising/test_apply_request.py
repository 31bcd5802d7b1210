"""What --apply says is found, its choice is made, and what there is not names the nearest that there is."""

import pytest
import torch
from torch import nn

from analyzer.advising.apply_request import ApplyRequest
from analyzer.advising.selection import applied
from analyzer.analysis import study
from analyzer.evidence.low_rank import matrix, spectrum
from analyzer.formats.wording.advice_words import worded
from analyzer.loading import from_module
from analyzer.rules import dilated_kernel
from analyzer.values.errors import Problem


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 128, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(128, 128, 7, padding=3), nn.ReLU(), nn.Conv2d(128, 10, 1)).eval()


def model_of(module: nn.Module, size: int = 16):
    found = study(from_module(module, (torch.zeros(1, 3, size, size),), {})).model
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model():
    return model_of(network())


PARSED = {
    "GRP101": ("GRP101", "", ""),
    "GRP101=8": ("GRP101", "8", ""),
    "GRP101:layer4.*": ("GRP101", "", "layer4.*"),
    "GRP101=8:layer4.*": ("GRP101", "8", "layer4.*"),
    "low101=95%:conv2": ("low101", "95%", "conv2"),
    "SEP101=pointwise first:a:b": ("SEP101", "pointwise first", "a:b"),
}


@pytest.mark.parametrize(("text", "parts"), PARSED.items())
def test_the_parts_of_a_request(text, parts):
    found = ApplyRequest.parse(text)
    assert (found.rule, found.choice, found.layers) == parts


CHOICES = {
    "groups that are shown": ("GRP101=4:2", "2", "groups=4"),
    "groups that are not shown": ("GRP101=2:2", "2", "groups=2"),
    "an order": ("SEP101=pointwise-first:2", "2", "nn.Sequential(nn.Conv2d(64, 128, 1"),
    "the order in words": ("SEP101=pointwise first:2", "2", "nn.Sequential(nn.Conv2d(64, 128, 1"),
    "the proposal itself": ("SEP101=depthwise-first:2", "2", "groups=64"),
    "a rank": ("LOW101=40:2", "2", "nn.Conv2d(64, 40, (3, 1)"),
    "a dilation": ("DIL101=3:4", "4", "3, padding=3, dilation=3"),
    "one convolution an axis": ("DIL101=one-convolution-for-each-axis:4", "4", "(7, 1)"),
}


@pytest.mark.parametrize(("request_", "path", "code"), CHOICES.values(), ids=CHOICES.keys())
def test_a_choice_is_made(request_, path, code, model):
    (item,) = applied(model, [request_]).chosen
    assert item.advice.path == path
    assert code in worded(item).proposed
    assert item.advice.saved.params > 0


def test_a_share_of_the_energy_takes_the_least_rank_that_keeps_it(model):
    weight = model.loaded.module[2].weight.detach()
    values = matrix(weight, (True, False))
    for share in (0.5, 0.8):
        (item,) = applied(model, [f"LOW101={100 * share:g}%:2"]).chosen
        rank = item.proposal.replacements[0][1][0].out_channels
        assert spectrum(values).kept(rank) >= share > spectrum(values).kept(rank - 8)
        assert item.advice.kept == pytest.approx(spectrum(values).kept(rank))


NOT_THERE = {
    "groups": ("GRP101=5:2", "GRP101 has no choice '5' here; the nearest are 2, 4"),
    "an order": ("SEP101=pointwise-frist:2", "the nearest are pointwise-first"),
    "a rank": ("LOW101=41:2", "the nearest are 32, 40, 48"),
    "a share that saves nothing": ("LOW101=100%:2", "keeps 100% of its weight energy and saves something"),
    "a layer": ("GRP101=4:nowhere", "matches no advice: GRP101 is advised for"),
}


@pytest.mark.parametrize(("request_", "told"), NOT_THERE.values(), ids=NOT_THERE.keys())
def test_what_there_is_not_names_the_nearest(request_, told, model):
    with pytest.raises(Problem) as refused:
        applied(model, [request_])
    assert told in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_share_of_the_energy_needs_weights():
    with torch.device("meta"):
        bare = model_of(network())
    with pytest.raises(Problem, match="give them with --checkpoint"):
        applied(bare, ["LOW101=95%:2"])


def test_layers_that_have_not_the_choice_are_passed_over(model):
    chosen = applied(model, ["GRP101=8"]).chosen
    assert [item.advice.path for item in chosen] == ["4"]


def test_dilations_of_a_long_kernel(layer, model):
    from analyzer.values.facts import ModelFacts

    nine = layer(kernel=9, padding=4)
    facts = ModelFacts(1, 1, {"conv": nine, "before": layer("before"), "after": layer("after")})
    from dataclasses import replace

    beside = replace(nine, sources=("before",), readers=("after",))
    found = dilated_kernel.choices(beside, facts)
    assert {word: item.replacements[0][1][0].kernel for word, item in found.items()} == {"2": (5, 5), "4": (3, 3)}
    assert all(item.replacements[0][1][0].span == (9, 9) for item in found.values())


class Heads(nn.Module):
    """A bias before a normalization, three linear layers in a row, and a head that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3))
        self.row = nn.Sequential(nn.BatchNorm2d(64), nn.Conv2d(64, 16, 1))
        self.aux = nn.Sequential(nn.Conv2d(64, 32, 3), nn.BatchNorm2d(32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        self.aux(y * 2)
        return self.row(y)


def test_all_exact_changes_are_made_at_once_and_none_is_refused():
    done = applied(model_of(Heads().eval()), ["exact"])
    assert sorted((item.advice.rule, item.advice.path) for item in done.chosen) == [
        ("BNM302", "body.0"),
        ("RUN301", "aux"),
    ]
    assert {(item.rule, item.path, item.instead) for item in done.record().left_out} == {
        ("BNM301", "body.0", ("BNM302", "body.0")),
        ("BNM301", "aux.0", ("RUN301", "aux")),
        ("BNM302", "aux.0", ("RUN301", "aux")),
    }
    assert done.rewritten.module.aux.__class__ is nn.Identity


def test_there_is_nothing_exact_for_a_plain_row(model):
    with pytest.raises(Problem, match="exact has nothing to propose for this model"):
        applied(model, ["exact"])


@pytest.mark.parametrize("requests", [["LOW101", "BNM302"], ["BNM302", "LOW101"]])
def test_exact_changes_come_first_and_what_they_exclude_is_named(requests):
    layers = [nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64), nn.ReLU()]
    made = applied(model_of(nn.Sequential(*layers, nn.Conv2d(64, 64, 3)).eval()), requests)
    assert [(item.advice.rule, item.advice.path) for item in made.chosen] == [("BNM302", "2"), ("LOW101", "5")]
    (left_out,) = made.record().left_out
    assert (left_out.rule, left_out.path, left_out.instead) == ("LOW101", "2", ("BNM302", "2"))
