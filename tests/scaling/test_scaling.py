"""Formulas give what a fresh trace gives, to the integer, and say where they do not hold."""

import re
from typing import Any

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from analyzer import Analysis, Problem, analyze
from analyzer.formats.wording.cost_formulas import formula, symbols

SCALED = ("path", "macs", "other_flops", "input_shapes", "output_shapes", "calls", "params")


def formulas(model: nn.Module, *inputs: torch.Tensor) -> Analysis:
    return analyze(model.eval(), inputs, symbolic=True)


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def rows(analysis: Analysis) -> list[list[Any]]:
    return [[getattr(layer, name) for name in SCALED] for layer in analysis.layers]


def assert_as_traced(found: Analysis, model: nn.Module, **sizes: int) -> None:
    """The formulas at these sizes are a fresh analysis."""
    told = found.at(**sizes)
    traced = analyze(model, tuple(meta(*g.shape, dtype=getattr(torch, g.dtype)) for g in told.inputs))
    assert told.inputs == traced.inputs
    assert told.total == traced.total
    assert rows(told) == rows(traced)


def network() -> nn.Module:
    layers = (nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(8, 10))


def test_resnet50_is_the_published_formula() -> None:
    with torch.device("meta"):
        found = formulas(torchvision.models.resnet50(), meta(1, 3, 224, 224))
    assert found.scaling is not None
    assert formula(found.scaling.macs, symbols(found.scaling.dimensions)) == "16,384·B·(5,091·h·w + 125)"
    assert [(item.name, item.period, item.offset) for item in found.scaling.dimensions] == [
        ("batch", 1, 0),
        ("height", 32, 0),
        ("width", 32, 0),
    ]
    assert found.at(batch=8, height=512).total.flops == 32768 * 8 * (5091 * 16 * 7 + 125)


def test_swin_is_linear_on_its_windows_and_stays_exact_at_its_own_size() -> None:
    with torch.device("meta"):
        model = torchvision.models.swin_t()
    found = formulas(model, meta(1, 3, 224, 224))
    assert found.scaling is not None
    assert formula(found.scaling.macs * 2, symbols(found.scaling.dimensions)) == "6,144·B·(1,461,523·h·w + 250)"
    assert found.at().total == found.total
    reasons = [end.reason for end in found.scaling.ends]
    assert any("features.7.0.attn" in reason and "swin_transformer.py:" in reason for reason in reasons)
    assert_as_traced(found, model, batch=3, height=672, width=448)
    assert_as_traced(found, model, batch=5)


@pytest.mark.parametrize(
    "name",
    ["alexnet", "densenet121", "efficientnet_b0", "googlenet", "mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_32"],
)
def test_torchvision_as_traced(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name).eval()
    found = formulas(model, meta(1, 3, 224, 224))
    assert found.scaling is not None
    sizes = {item.name: item.size(item.step(item.example) + 2) for item in found.scaling.dimensions}
    assert_as_traced(found, model, **sizes)


class Attention(nn.Module):
    """Tokens attend to each other; `scores` are made by hand, so that memory is quadratic too."""

    def __init__(self, width: int = 16, fused: bool = False) -> None:
        super().__init__()
        self.projection, self.fused = nn.Linear(width, 3 * width), fused

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        query, key, value = self.projection(tokens).chunk(3, dim=-1)
        if self.fused:
            return F.scaled_dot_product_attention(query, key, value)
        return torch.softmax(query @ key.transpose(1, 2), dim=-1) @ value


@pytest.mark.parametrize("fused", [False, True])
def test_attention_is_quadratic_in_the_sequence(fused: bool) -> None:
    model = Attention(fused=fused)
    found = formulas(model, torch.zeros(2, 10, 16))
    assert found.scaling is not None
    assert formula(found.scaling.macs, symbols(found.scaling.dimensions)) == "32·B·S·(S + 24)"
    assert_as_traced(found, model, batch=7, sequence=333)


@settings(max_examples=15)
@given(
    layers=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=2),
    more=st.integers(0, 5),
    size=st.integers(30, 50),
)
def test_random_convolutions_as_traced(layers: list[tuple[int, int, int]], more: int, size: int) -> None:
    convolutions = [nn.Conv2d(3, 3, kernel, stride, padding) for kernel, stride, padding in layers]
    model = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1)).eval()
    found = formulas(model, torch.zeros(1, 3, size, size))
    assert found.scaling is not None
    height, width = found.scaling.dimensions[1:]
    assert_as_traced(
        found,
        model,
        batch=1 + more,
        height=height.size(height.step(height.least) + more),
        width=width.size(width.step(width.example) + 2 * more),
    )


class ByTheClock(nn.Module):
    """Runs its layer once for every step of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.layer(step) for step in steps.unbind(1)], 1)


def test_a_loop_over_the_sequence_stays_fixed_and_the_batch_does_not() -> None:
    found = formulas(ByTheClock(), torch.zeros(2, 3, 4))
    assert found.scaling is not None
    (fixed,) = [size for size in found.scaling.fixed if size.name == "sequence"]
    assert re.search(r"in layer `layer` \(.*test_scaling\.py:\d+\)", fixed.reason)
    with pytest.raises(Problem, match="sequence=5: the model fixes it at 3, for at sequence="):
        found.at(sequence=5)
    assert found.at(batch=6).total.macs == 6 * 3 * 4 * 4


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"depth": 3}, "depth=3: no input has a size of that name; those that can change are batch, height, width"),
        ({"height": 33}, r"height=33 is off the lattice 0 \+ 2·k; the formulas hold at 32 and 34"),
        ({"batch": 5000}, "batch=5000 is outside the range of sizes that were checked; the formulas hold from 1 to"),
    ],
)
def test_a_size_without_a_formula_is_refused(sizes: dict[str, int], said: str) -> None:
    found = formulas(network(), torch.zeros(1, 3, 32, 32))
    with pytest.raises(Problem, match=said):
        found.at(**sizes)


class Positions(nn.Module):
    """Adds a table of positions, which fixes the sequence, to a batch that is fixed as well."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, 8, 4))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.reshape(2, 8, 4) + self.table


def test_a_model_that_fixes_every_size_is_refused() -> None:
    with pytest.raises(Problem, match="the model fixes every size: batch stays 2: at batch=4 the forward fails"):
        formulas(Positions(), torch.zeros(2, 8, 4))


class AsksItsValues(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x


def test_a_forward_that_depends_on_values_is_refused() -> None:
    with pytest.raises(Problem, match="the forward depends on values"):
        formulas(AsksItsValues(), torch.ones(2, 8))


def test_an_analysis_without_formulas_says_how_to_get_them() -> None:
    with pytest.raises(Problem, match="analyze with symbolic=True"):
        analyze(network(), torch.zeros(1, 3, 32, 32)).at(batch=2)


def test_what_is_no_polynomial_is_not_told() -> None:
    class Spectrum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.fft(x, dim=1).real

    found = formulas(Spectrum(), torch.zeros(2, 8, 4))
    assert found.scaling is not None
    assert found.scaling.other_flops is None
    assert found.at(sequence=16).total.other_flops is None
    assert found.at(sequence=16).total.macs == 0


def test_the_model_is_left_as_it_was() -> None:
    model = network().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    analyze(model, torch.randn(2, 3, 32, 32), symbolic=True)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_formulas_survive_json() -> None:
    found = formulas(network(), torch.zeros(1, 3, 32, 32))
    again = Analysis.from_json(found.to_json())
    assert again == found
    assert again.at(batch=4, width=64) == found.at(batch=4, width=64)


def test_blocks_hold_the_work_of_their_layers() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1)), nn.ReLU())
    found = formulas(model, torch.zeros(1, 3, 8, 8))
    assert found.scaling is not None
    (block,) = found.scaling.blocks
    assert (block.path, formula(block.macs, "BHW")) == ("0", "44·B·H·W")
