"""Training steps by arithmetic, and against torch's own counter over a real backward."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint
from training_oracle import step_flops

from analyzer.formulas.training_costs import training_work
from analyzer.loading import from_module
from analyzer.tracing.training_step import follow_step
from analyzer.values.training_work import TrainingLayer, TrainingWork


def work(module: nn.Module, *args: Any) -> TrainingWork:
    return training_work(follow_step(from_module(module, args, {}), "sgd").step)


def causes(found: TrainingWork) -> dict[str, int]:
    return {cause.name: cause.flops for cause in found.causes}


class Checkpointed(nn.Module):
    """Two layers, 4 to 8 to 4, that the backward computes again, behind one that it does not."""

    def __init__(self, use_reentrant: bool, as_function: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.stem = nn.Linear(4, 4)
        self.reentrant, self.as_function = use_reentrant, as_function

    def forward(self, x: torch.Tensor) -> Any:
        function = (lambda y: self._functional(y)) if self.as_function else self.body
        return checkpoint(function, self.stem(x), use_reentrant=self.reentrant)

    def _functional(self, x: torch.Tensor) -> torch.Tensor:
        first, last = self.body[0], self.body[2]
        hidden = nn.functional.linear(x, first.weight, first.bias).relu()
        return nn.functional.linear(hidden, last.weight, last.bias)


class Attention(nn.Module):
    """One projection to query, key and value, 2 heads of 4, and a tied table of 10 words in front and behind."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 8)
        self.qkv = nn.Linear(8, 24, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.qkv(self.table(ids)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(*x, is_causal=True).transpose(1, 2).flatten(2)
        return nn.functional.linear(mixed, self.table.weight)


def frozen_stem() -> nn.Module:
    """A stem that is not trained: no gradient of it, and none of what goes into the next layer."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    model[0].requires_grad_(False)
    return model


def frozen_middle() -> nn.Module:
    model = frozen_stem().requires_grad_(True)
    model[2].requires_grad_(False)
    return model


def convolutions() -> nn.Module:
    """Dense, grouped, depthwise and dilated, strided, and transposed with groups and a normalized weight."""
    transposed = nn.ConvTranspose2d(8, 4, 3, stride=2, groups=2, dilation=2, output_padding=1)
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=4),
        nn.Conv2d(8, 8, 3, groups=8, dilation=2),
        nn.Conv2d(8, 8, (3, 1), stride=2, bias=False),
        nn.utils.parametrizations.weight_norm(transposed),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 2, 1)),
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], torch.Tensor]]] = {
    "convolutions": (convolutions, lambda: torch.rand(2, 4, 20, 17)),
    "resnet18": (torchvision.models.resnet18, lambda: torch.rand(2, 3, 64, 64)),
    "depthwise": (lambda: torchvision.models.mobilenet_v2(width_mult=0.25), lambda: torch.rand(2, 3, 32, 32)),
    "vit": (lambda: torchvision.models.VisionTransformer(32, 8, 2, 2, 32, 64), lambda: torch.rand(2, 3, 32, 32)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), lambda: torch.rand(2, 5, 16)),
    "recurrent": (lambda: nn.LSTM(8, 16, 2, bidirectional=True), lambda: torch.rand(5, 3, 8)),
    "attention with a tied table": (Attention, lambda: torch.randint(10, (2, 5))),
    "frozen stem": (frozen_stem, lambda: torch.rand(3, 4)),
    "frozen middle": (frozen_middle, lambda: torch.rand(3, 4)),
    "checkpointed": (lambda: Checkpointed(use_reentrant=False), lambda: torch.rand(3, 4)),
    "checkpointed, reentrant": (lambda: Checkpointed(use_reentrant=True), lambda: torch.rand(3, 4)),
    "checkpointed function": (lambda: Checkpointed(False, as_function=True), lambda: torch.rand(3, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_what_torch_counts_over_a_real_backward(name: str) -> None:
    build, make = MODELS[name]
    module, data = build(), make()
    found = work(module, data)
    assert found.flops == step_flops(module, (data,))
    assert found.uncounted == ()
    assert sum(cause.flops for cause in found.causes) == found.flops - found.rule


def test_parts_and_causes_by_arithmetic() -> None:
    """3 rows: 4·4 without gradient of its input, then 4·8 and 8·4, of which the first is computed again."""
    found = work(Checkpointed(use_reentrant=False), torch.rand(3, 4))
    rows = {
        "stem": (3 * 4 * 4, 0, 3 * 4 * 4, 0),
        "body.0": (3 * 4 * 8, 3 * 4 * 8, 3 * 4 * 8, 3 * 4 * 8),
        "body.2": (3 * 8 * 4, 3 * 8 * 4, 3 * 8 * 4, 0),
    }
    assert found.layers == tuple(TrainingLayer(path, *macs) for path, macs in rows.items())
    assert causes(found) == {
        "inputs without gradient": -2 * 3 * 4 * 4,
        "recomputation": 2 * 3 * 4 * 8,
        "added or scaled": -6 * 3 * (4 + 8 + 4),
    }


def test_what_a_checkpointed_function_repeats_belongs_to_the_weights_layer() -> None:
    found = work(Checkpointed(use_reentrant=True, as_function=True), torch.rand(3, 4))
    # Whole modules are called by nothing here: the reentrant kind repeats both layers, the last one as well.
    assert {row.path: row.recomputed for row in found.layers if row.recomputed} == {
        "body.0": 3 * 4 * 8,
        "body.2": 3 * 8 * 4,
    }


def test_attention_with_a_tied_table() -> None:
    """10 tokens in 2 rows of 5; per head and row 5·5 scores of width 4, twice, and each product has two gradients."""
    found = work(Attention(), torch.randint(10, (2, 5)))
    scores = 2 * 2 * 5 * 5 * 4
    assert (found.samples, found.samples_are, found.params) == (10, "tokens", 10 * 8 + 8 * 24)
    assert causes(found) == {"attention": 2 * 3 * 2 * scores}
    assert found.total == TrainingLayer("", *(10 * 8 * (24 + 10) + 2 * scores * n for n in (1, 2)), 10 * 8 * 34, 0)


def test_an_untied_table_is_looked_up() -> None:
    model = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 2, bias=False))
    assert causes(work(model, torch.randint(10, (2, 5)))) == {"lookups": -6 * 10 * 10 * 8}


def test_frozen_layers_have_no_weight_gradient_and_those_before_them_are_differentiated() -> None:
    biases = -6 * 3 * (8 + 8 + 2)
    assert causes(work(frozen_stem(), torch.rand(3, 4))) == {
        "inputs without gradient": -2 * 3 * (4 * 8 + 8 * 8),
        "frozen weights": -2 * 3 * 4 * 8,
        "added or scaled": biases,
    }
    assert causes(work(frozen_middle(), torch.rand(3, 4))) == {
        "inputs without gradient": -2 * 3 * 4 * 8,
        "frozen weights": -2 * 3 * 8 * 8,
        "added or scaled": biases,
    }


def test_weights_of_convolutions_are_used_at_every_position() -> None:
    """One image, 5·5 positions; the bias is added, and an input with a gradient is differentiated."""
    image = torch.rand(1, 2, 7, 7, requires_grad=True)
    found = work(nn.Sequential(nn.Conv2d(2, 3, 3)), image)
    weights = 3 * 2 * 9
    assert causes(found) == {"convolutions": 6 * weights * (5 * 5 - 1), "added or scaled": -6 * 3}
    assert found.samples_are == "samples"


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_a_transformer_that_checkpoints_its_blocks(use_reentrant: bool) -> None:
    """With a frozen block, a tied head, and arguments by name."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=32, n_head=4, vocab_size=50, n_positions=16, use_cache=False))
    model.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    model.transformer.h[0].requires_grad_(False)
    given = {"input_ids": torch.randint(50, (2, 8))}
    found = training_work(follow_step(from_module(model, (), given), "sgd").step)
    assert found.flops == step_flops(model, (), given)
    assert {"recomputation", "frozen weights", "attention", "lookups"} <= causes(found).keys()
    assert sum(causes(found).values()) == found.flops - found.rule


def test_a_parameter_that_is_never_used() -> None:
    class Spare(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 2, bias=False)
            self.spare = nn.Parameter(torch.zeros(5))

    data = torch.rand(3, 4, requires_grad=True)
    assert causes(work(Spare(), data)) == {"never used": -6 * 3 * 5}


def test_a_convolution_without_groups_needs_no_correction() -> None:
    module, data = torchvision.models.resnet18(), torch.rand(2, 3, 32, 32)
    assert step_flops(module, (data,), corrected=False) == step_flops(module, (data,))
