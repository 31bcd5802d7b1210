"""What proposals of every kind are told by planted weights, by noise, and when they are told nothing."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from analyzer.evidence import NormStatistics, evidence_of
from analyzer.formats.wording.evidence_words import evidence_words
from analyzer.values.convolution import BatchNorm, ChannelShuffle, Convolution, ReLU, Unit


def evidence_for(*asked, **given):
    found = evidence_of(*asked, **given)
    return evidence_words(found) if found else None


def layer(
    inputs: int, outputs: int, kernel: tuple[int, ...] = (3, 3), groups: int = 1, dilation: int = 1
) -> Convolution:
    axes = len(kernel)
    padding = tuple(dilation * (size - 1) // 2 for size in kernel)
    return Convolution(inputs, outputs, kernel, (1,) * axes, padding, (dilation,) * axes, groups)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


DENSE = layer(16, 32)
ROWS, COLUMNS = torch.randperm(32, generator=torch.Generator().manual_seed(8)), torch.arange(15, -1, -1)
KINDS: dict[str, tuple[Convolution, tuple[Unit, ...], Tensor]] = {
    "grouped": (
        DENSE,
        (layer(16, 32, groups=2), ChannelShuffle(2)),
        torch.block_diag(torch.ones(16, 8), torch.ones(16, 8))[ROWS][:, COLUMNS, None, None] * normal(32, 16, 3, 3),
    ),
    "depthwise first": (
        DENSE,
        (layer(16, 16, groups=16), BatchNorm(16, 2), ReLU(), layer(16, 32, (1, 1))),
        torch.einsum("oi,iyx->oiyx", normal(32, 16), normal(16, 3, 3)),
    ),
    "pointwise first": (
        DENSE,
        (layer(16, 32, (1, 1)), layer(32, 32, groups=32)),
        torch.einsum("oi,oyx->oiyx", normal(32, 16), normal(32, 3, 3)),
    ),
    "two terms": (
        layer(16, 32, (5,)),
        (layer(16, 32, (5,), groups=16), layer(32, 32, (1,))),
        torch.einsum("oik,ikt->oit", normal(32, 16, 2), normal(16, 2, 5)),
    ),
    "dilated": (
        layer(16, 32, (7, 7)),
        (layer(16, 32, dilation=3),),
        torch.nn.functional.pad(normal(32, 16, 1, 1), (3, 3, 3, 3)),
    ),
    "spatial": (
        DENSE,
        (layer(16, 5, (3, 1)), layer(5, 32, (1, 3))),
        torch.einsum("riy,orx->oiyx", normal(5, 16, 3), normal(32, 5, 3)),
    ),
    "bottleneck before": (
        DENSE,
        (layer(16, 4, (1, 1)), layer(4, 32)),
        torch.einsum("ri,oryx->oiyx", normal(4, 16), normal(32, 4, 3, 3)),
    ),
    "bottleneck after": (
        DENSE,
        (layer(16, 4), layer(4, 32, (1, 1))),
        torch.einsum("riyx,or->oiyx", normal(4, 16, 3, 3), normal(32, 4)),
    ),
    "pointwise low rank": (
        layer(16, 32, (1, 1)),
        (layer(16, 4, (1, 1)), layer(4, 32, (1, 1))),
        (normal(32, 4) @ normal(4, 16))[..., None, None],
    ),
    "volume": (
        layer(16, 32, (3, 3, 3)),
        (layer(16, 5, (1, 3, 3)), layer(5, 32, (3, 1, 1))),
        torch.einsum("riyx,orz->oizyx", normal(5, 16, 3, 3), normal(32, 5, 3)),
    ),
    "Tucker": (
        DENSE,
        (layer(16, 4, (1, 1)), layer(4, 5), layer(5, 32, (1, 1))),
        torch.einsum("os,sryx,ri->oiyx", normal(32, 5), normal(5, 4, 3, 3), normal(4, 16)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_planted_structure_is_kept_whole(kind: str) -> None:
    convolution, units, weight = KINDS[kind]
    evidence = evidence_of(convolution, units, weight)
    assert evidence.kept == pytest.approx(1, abs=1e-4)
    assert evidence.excess > 0.2
    assert "100 % of the weight energy" in evidence_for(convolution, units, weight)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_kept_by_chance(kind: str) -> None:
    convolution, units, _ = KINDS[kind]
    evidence = evidence_of(convolution, units, normal(*convolution.weight_shape, seed=5))
    assert abs(evidence.excess) < 0.03
    assert evidence.kept < 0.9
    assert "no more than random weights would keep" in evidence_for(
        convolution, units, normal(*convolution.weight_shape)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_transposed_weights_are_turned(kind: str) -> None:
    convolution, units, weight = KINDS[kind]
    transposed = replace(convolution, transposed=True)
    assert evidence_of(transposed, units, weight.transpose(0, 1)).kept == pytest.approx(1, abs=1e-4)


SEPARABLE = KINDS["depthwise first"][1]


@pytest.mark.parametrize(
    ("convolution", "units"),
    [
        (DENSE, ()),
        (DENSE, (BatchNorm(32, 2),)),
        (DENSE, (layer(16, 32, dilation=2),)),  # as many taps in other places
        (DENSE, (layer(16, 32, (1, 1), groups=2),)),
        (layer(16, 32, (5, 5)), (layer(16, 16), layer(16, 32))),  # a stack, with a nonlinearity between
        (layer(16, 32, (5, 5)), (layer(16, 32, dilation=3),)),  # reaches beyond
        (DENSE, (layer(16, 8, (1, 1)), layer(8, 8, groups=8), layer(8, 32, (1, 1)))),
        (layer(16, 32, groups=2), SEPARABLE),
        (layer(16, 16, groups=16), (layer(16, 16, (3, 1), groups=16), layer(16, 16, (1, 3), groups=16))),
    ],
)
def test_no_question_to_the_weights(convolution: Convolution, units: tuple[Unit, ...]) -> None:
    assert evidence_for(convolution, units, normal(*convolution.weight_shape)) is None


@pytest.mark.parametrize(
    "weight",
    [torch.empty(32, 16, 3, 3, device="meta"), torch.zeros(32, 16, 3, 3, dtype=torch.int8)],
    ids=["meta", "integers"],
)
def test_weights_without_usable_values(weight: Tensor) -> None:
    assert evidence_for(DENSE, SEPARABLE, weight) is None


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (torch.zeros(32, 16, 3, 3), "the weights are zero"),
        (torch.full((32, 16, 3, 3), torch.nan), "the weights are not finite"),
        (normal(32, 16, 3, 3), "the weights look untrained"),
    ],
)
def test_structure_only(weight: Tensor, reason: str) -> None:
    fresh = NormStatistics(torch.zeros(32), torch.ones(32), torch.ones(32), torch.zeros(32), 0)
    assert evidence_for(DENSE, SEPARABLE, weight, feeds=fresh) == f"structure only: {reason}"


def test_a_weight_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"\(16, 32, 3, 3\) is not one of \(32, 16, 3, 3\)"):
        evidence_of(DENSE, SEPARABLE, normal(16, 32, 3, 3))


def test_inputs_that_never_fire_do_not_count() -> None:
    """One half of the inputs is dead behind its ReLU; only the other half lies in the dilated kernel."""
    weight = normal(32, 16, 7, 7)
    weight[:, :8] = torch.nn.functional.pad(weight[:, :8, 3:4, 3:4], (3, 3, 3, 3))
    reads = NormStatistics(weight=torch.full((16,), 0.1), bias=torch.tensor([1.0] * 8 + [-5.0] * 8))
    convolution, units, _ = KINDS["dilated"]
    assert evidence_of(convolution, units, weight).kept < 0.3
    weighted = evidence_of(convolution, units, weight, reads)
    assert (weighted.kept, weighted.is_weighted) == (pytest.approx(1, abs=1e-3), True)


@pytest.mark.parametrize("kind", ["grouped", "depthwise first", "pointwise first", "dilated"])
def test_weighted_noise_is_kept_by_chance(kind: str) -> None:
    convolution, units, _ = KINDS[kind]
    reads = NormStatistics(weight=torch.linspace(0.1, 2, 16), bias=torch.zeros(16))
    evidence = evidence_of(convolution, units, normal(*convolution.weight_shape, seed=5), reads)
    assert evidence.is_weighted
    assert abs(evidence.excess) < 0.03


@pytest.mark.parametrize("kind", ["spatial", "Tucker"])
def test_low_rank_goes_by_the_weights_only(kind: str) -> None:
    convolution, units, weight = KINDS[kind]
    reads = NormStatistics(weight=torch.linspace(0.1, 2, 16), bias=torch.zeros(16))
    assert evidence_of(convolution, units, weight, reads) == evidence_of(convolution, units, weight)


def test_moments_of_other_channels_are_not_used() -> None:
    convolution, units, weight = KINDS["grouped"]
    reads = NormStatistics(weight=torch.ones(8), bias=torch.zeros(8))
    assert not evidence_of(convolution, units, weight, reads).is_weighted


def test_half_precision_weights() -> None:
    convolution, units, weight = KINDS["spatial"]
    assert evidence_of(convolution, units, weight.bfloat16()).kept == pytest.approx(1, abs=1e-3)


def test_sentences_are_always_the_same_and_leave_the_weight_alone() -> None:
    for convolution, units, weight in KINDS.values():
        before = weight.clone()
        assert evidence_for(convolution, units, weight) == evidence_for(convolution, units, weight)
        assert torch.equal(weight, before)


def test_separable_sentence_says_what_would_be_needed() -> None:
    text = evidence_for(DENSE, SEPARABLE, normal(32, 16, 3, 3))
    assert text.startswith("depthwise first with 1 term keeps 2")
    assert "; 95 % would take 8, and no more than 7 save work; pointwise first keeps 2" in text


def test_grouping_sentence_says_what_the_present_order_keeps() -> None:
    text = evidence_for(*KINDS["grouped"])
    assert text.startswith("splitting into 2 groups with the channels reordered keeps 100 % of the weight energy, ")
    assert " % with the channels in their present order; " in text
