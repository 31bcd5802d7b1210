"""Whatever a rule proposes, put into the model and traced again, saves what was promised, to the integer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from analyzer import dataflow
from analyzer.advising import advise, best_per_layer
from analyzer.advising.pricing import current_price, proposed_price
from analyzer.advising.verification import prove
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.loading.loaded_model import LoadedModel
from analyzer.rewriting.export import proposal_of
from analyzer.rules import EXACT, RESTRUCTURINGS
from analyzer.rules.factorized_kernel import channel, spatial
from analyzer.rules.rule import Proposer
from analyzer.tracing import trace
from analyzer.values.advice import Saving
from analyzer.values.convolution import ChannelShuffle, Convolution, Proposal, along
from analyzer.values.facts import ModelFacts
from analyzer.values.graph import Trace


class UNet(nn.Module):
    """Two levels down and up, by transposed convolutions, with skips that are concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = self.level(3, 32), self.level(32, 64), self.level(64, 128)
        self.up2, self.up1 = nn.ConvTranspose2d(128, 64, 2, stride=2), nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.level2, self.level1, self.head = self.level(128, 64), self.level(64, 32), nn.Conv2d(32, 5, 1)

    @staticmethod
    def level(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.down1(x)
        two = self.down2(nn.functional.max_pool2d(one, 2))
        three = self.bottom(nn.functional.max_pool2d(two, 2))
        two = self.level2(torch.cat([self.up2(three), two], 1))
        return self.head(self.level1(torch.cat([self.up1(two), one], 1)))


class Pyramid(nn.Module):
    """Resolution lost by a stride beside a shortcut, and by a pooling, and given back to the size of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shortcut = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 1, stride=2)
        self.down = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(64, 64, 7, padding=3)
        self.pool, self.bottom, self.up = nn.MaxPool2d(2), nn.Conv2d(64, 64, 3, padding=1), nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(64, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lost = self.stem(x).relu()
        lost = self.middle(self.down(lost)) + self.shortcut(lost)
        kept = self.up(self.bottom(self.pool(lost)).relu())
        return nn.functional.interpolate(self.head(kept), x.shape[-2:])


def audio() -> nn.Module:
    """Long kernels, strides and dilations along one axis; two pointwise layers in a row; one grouped layer."""
    return nn.Sequential(
        *(nn.Conv1d(1, 64, 80, stride=4), nn.BatchNorm1d(64), nn.ReLU()),
        *(nn.Conv1d(64, 128, 9, padding=4), nn.BatchNorm1d(128), nn.ReLU()),
        *(nn.Conv1d(128, 128, 5, padding=4, dilation=2, bias=False), nn.ReLU()),
        *(nn.Conv1d(128, 256, 1), nn.Conv1d(256, 64, 1), nn.ReLU()),
        *(nn.Conv1d(64, 64, 3, stride=2, groups=4), nn.ReLU(), nn.Conv1d(64, 96, 3)),
    )


def video() -> nn.Module:
    """Cubes, slices and strides along three axes."""
    return nn.Sequential(
        *(nn.Conv3d(3, 32, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False), nn.BatchNorm3d(32), nn.ReLU()),
        *(nn.Conv3d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv3d(64, 64, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU()),
        *(nn.Conv3d(64, 64, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)), nn.BatchNorm3d(64), nn.ReLU()),
        *(nn.Conv3d(64, 128, 5, stride=2, padding=2),),
    )


def torchvision(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision import models

        module: nn.Module = models.get_model(name, weights=None)
        return module

    return make


IMAGE = (2, 3, 64, 64)
RETRAINED = "GRP101 SEP101 LOW101"
ZOO: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "resnet18": (torchvision("resnet18"), IMAGE, f"{RETRAINED} BNM302 LOW102"),
    "mobilenet_v2": (torchvision("mobilenet_v2"), IMAGE, "GRP101 BNM302 LOW102"),
    "vgg11_bn": (torchvision("vgg11_bn"), IMAGE, f"{RETRAINED} BNM301 BNM302 LOW102"),
    "resnext": (torchvision("resnext50_32x4d"), IMAGE, "GRP101 BNM302 LOW102"),
    "shufflenet": (torchvision("shufflenet_v2_x1_0"), IMAGE, "BNM302 LOW102"),
    "unet": (UNet, IMAGE, f"{RETRAINED} BNM301 BNM302"),
    "pyramid": (Pyramid, IMAGE, f"{RETRAINED} DIL101 DIL102"),
    "audio": (audio, (2, 1, 4000), f"{RETRAINED} DIL101 BNM301 BNM302 PTW301"),
    "video": (video, (1, 3, 8, 32, 32), f"{RETRAINED} BNM301 BNM302"),
}
"""How to build it, what it reads, and the rules that have something to propose for it."""


def subject_of(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> LoadedModel:
    with torch.device("meta"):
        module = make().eval()
    return from_module(module, (torch.empty(shape, device="meta"),), {})


def facts_of(traced: Trace) -> ModelFacts:
    count = Count(traced)
    return dataflow.facts_of(traced, count.owners, count.costs)


def disjoint(proposals: Iterable[Proposal]) -> Iterator[list[Proposal]]:
    """The proposals in rounds, no layer twice in a round: what a round saves is the sum."""
    rounds: list[tuple[set[str], list[Proposal]]] = []
    for proposal in proposals:
        paths = {path for path, _ in proposal.replacements}
        room = next((entry for entry in rounds if not entry[0] & paths), None)
        if room is None:
            room = (set(), [])
            rounds.append(room)
        room[0].update(paths)
        room[1].append(proposal)
    yield from (chosen for _, chosen in rounds)


def promised(proposals: Sequence[Proposal], facts: ModelFacts) -> Saving:
    savings = [current_price(item, facts).saved(proposed_price(item, facts)) for item in proposals]
    return Saving(sum(saving.params for saving in savings), sum(saving.macs for saving in savings))


def bare(proposal: Proposal | None) -> list[tuple[str, list[object]]]:
    """What would be put where, without the sizes that it was priced for."""
    pairs = proposal.replacements if proposal else ()
    return [(path, [placeless(unit) for unit in units]) for path, units in pairs]


def placeless(unit: object) -> object:
    return replace(unit, input_size=(), batch=1, itemsize=4) if isinstance(unit, Convolution) else unit


def with_alternatives(proposals: Iterable[Proposal | None]) -> list[Proposal]:
    return [item for proposal in proposals if proposal is not None for item in (proposal, *proposal.alternatives)]


@pytest.mark.parametrize("name", list(ZOO))
def test_every_proposal_for_the_zoo_is_proved(name: str) -> None:
    make, shape, codes = ZOO[name]
    loaded = subject_of(make, shape)
    before = trace(loaded)
    facts = facts_of(before)
    advised = advise(facts, rules=(*RESTRUCTURINGS, *EXACT))
    proposals = with_alternatives(item.proposal for item in advised)
    assert {item.advice.rule for item in advised} == set(codes.split())
    for chosen in disjoint(proposals):
        assert prove(loaded, chosen, before) == promised(chosen, facts), [item.replacements for item in chosen]
    assert all(bare(proposal_of(item.advice.replacements)) == bare(item.proposal) for item in advised)
    assert all(item.advice.saved == promised([item.proposal], facts) for item in advised if item.proposal)
    best = [item.proposal for item in best_per_layer(advised, facts) if item.proposal]
    assert prove(loaded, best, before) == promised(best, facts)


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    """A convolution that has at least one output position."""
    dimension = draw(st.integers(1, 3))
    groups = draw(st.sampled_from((1, 1, 1, 2, 4)))

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dimension))

    kernel = draw(st.sampled_from(((1,) * dimension, (3,) * dimension, (5,) * dimension, axes(1, 7))))
    conv = Convolution(
        groups * draw(st.integers(1, 20)),
        groups * draw(st.integers(1, 20)),
        kernel,
        axes(1, 3),
        tuple(draw(st.integers(0, k)) for k in kernel),
        axes(1, 2),
        groups,
        draw(st.booleans()),
        axes(4, 20),
        draw(st.integers(1, 3)),
        transposed=draw(st.booleans()),
    )
    if conv.transposed:
        conv = replace(conv, output_padding=tuple(draw(st.integers(0, s - 1)) for s in conv.stride))
    assume(min(conv.output_size) > 0)
    return conv


def layer_of(conv: Convolution) -> nn.Module:
    from analyzer.rewriting.constructors import module_of

    return nn.Sequential(module_of([conv]))


@given(convolutions(), st.integers(2, 4), st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_every_proposal_for_any_convolution_is_proved(conv: Convolution, groups: int, rank: int) -> None:
    """What the rules propose, and the same kinds of change at sizes for which the rules stay silent."""
    loaded = subject_of(lambda: layer_of(conv), (conv.batch, conv.in_channels, *conv.input_size))
    before = trace(loaded)
    facts = facts_of(before)
    (layer,) = facts.convolutions.values()
    assert layer.convolution == conv
    proposals = with_alternatives(
        rule.propose(layer, facts) for rule in (*RESTRUCTURINGS, *EXACT) if isinstance(rule, Proposer)
    )
    for proposal in (*proposals, *outside_the_rules(conv, groups, rank)):
        assert prove(loaded, [proposal], before) == promised([proposal], facts), proposal


def outside_the_rules(conv: Convolution, groups: int, rank: int) -> Iterator[Proposal]:
    if conv.in_channels % groups == 0 and conv.out_channels % groups == 0:
        yield Proposal((("0", (replace(conv, groups=groups), ChannelShuffle(groups))),))
    if conv.is_dense and not conv.transposed:
        yield Proposal((("0", channel(conv, rank, groups)),))
        if sum(k > 1 for k in conv.kernel) > 1:
            yield Proposal((("0", spatial(conv, rank)),))
    if conv.is_dense:
        depthwise = replace(conv, out_channels=conv.in_channels, groups=conv.in_channels, bias=False)
        pointwise = replace(along(conv, ()), transposed=False, output_padding=())
        yield Proposal((("0", (depthwise, pointwise)),))


def test_a_wrong_promise_would_be_noticed() -> None:
    """The oracle by hand: 64 · 128 · 9 weights become 64 · 9 + 64 · 128, at 30 × 30 positions."""
    loaded = subject_of(lambda: nn.Sequential(nn.Conv2d(64, 128, 3, bias=False)), (2, 64, 32, 32))
    before = trace(loaded)
    ones, zeros = (1, 1), (0, 0)
    units = (
        Convolution(64, 64, (3, 3), ones, zeros, ones, groups=64),
        Convolution(64, 128, ones, ones, zeros, ones),
    )
    weights = 64 * 128 * 9 - (64 * 9 + 64 * 128)
    assert prove(loaded, [Proposal((("0", units),))], before) == Saving(weights, weights * 2 * 30 * 30)
    assert Saving(weights, weights * 2 * 32 * 32) != prove(loaded, [Proposal((("0", units),))], before)
