"""Among the guessed inputs is one that the model accepts, and it is the commonest of those."""

import pytest
import torch
from torch import nn

from analyzer.loading.building import release, without_memory
from analyzer.loading.inputs.input_guessing import CHOICES, guesses
from analyzer.loading.loaded_model import Inputs, InputSpec


def real(value):
    if isinstance(value, InputSpec) and value.dtype == "int64":
        return torch.zeros(value.shape, dtype=torch.int64, device="meta")
    return torch.empty(value.shape, dtype=getattr(torch, value.dtype), device="meta")


def accepted(module):
    release(module.eval())
    for inputs in guesses(module):
        try:
            module(*map(real, inputs.args), **{name: real(spec) for name, spec in inputs.kwargs.items()})
        except (RuntimeError, ValueError, IndexError, TypeError):
            continue
        return inputs
    return None


class Forward(nn.Module):
    """A module with the given layers as `l0`, `l1`, ... and the given forward."""

    def __init__(self, *layers):
        super().__init__()
        for index, layer in enumerate(layers):
            setattr(self, f"l{index}", layer)


def lenet(size):
    side = (size - 4) // 2
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * side * side, 10))


class Patches(Forward):
    def forward(self, x):
        batch, channels, height, width = x.shape
        patches = x.reshape(batch, channels, height // 16, 16, width // 16, 16).permute(0, 2, 4, 3, 5, 1)
        return self.l0(patches.reshape(batch, -1, 16 * 16 * channels))


class Ratings(Forward):
    def forward(self, user, item):
        return (self.l0(user) * self.l1(item)).sum(-1)


class Diffusion(Forward):
    def forward(self, x, t):
        return self.l0(x) + self.l1(t.float()[:, None])[:, :, None, None]


class Positions(Forward):
    def forward(self, ids):
        return self.l0(ids) + self.l1.weight[: ids.shape[1]]


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(4, 3, 3, 3))

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel)


class KeywordOnly(Forward):
    def forward(self, *, image):
        return self.l0(image)


class Masked(Forward):
    def forward(self, ids, attention_mask):
        return self.l0(ids) * attention_mask[:, :, None]


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_features = 12
        self.packed = nn.Parameter(torch.empty(6, 12, 1))

    def forward(self, x):
        return x @ self.packed[:, :, 0].t()


class Nothing(nn.Module):
    def forward(self):
        return torch.zeros(1)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1)), [(1, 3, 224, 224)]),
        (lambda: nn.Sequential(nn.Conv2d(5, 8, 3)), [(1, 5, 224, 224)]),
        (lambda: lenet(28), [(1, 1, 28, 28)]),
        (lambda: lenet(32), [(1, 1, 32, 32)]),
        (lambda: lenet(96), [(1, 1, 96, 96)]),
        (lambda: nn.Sequential(nn.Conv1d(2, 8, 3)), [(1, 2, 1024)]),
        (lambda: nn.Sequential(nn.Conv3d(3, 8, 3)), [(1, 3, 16, 112, 112)]),
        (lambda: nn.Sequential(nn.ConvTranspose2d(100, 8, 4)), [(1, 100, 1, 1)]),
        (lambda: nn.Sequential(nn.Linear(784, 10)), [(1, 784)]),
        (lambda: nn.Sequential(nn.Unflatten(1, (1, 784)), nn.Flatten(), nn.Linear(784, 10)), [(1, 784)]),
        (lambda: nn.Sequential(nn.Flatten(2), nn.Linear(784, 10), nn.Conv1d(3, 1, 1)), [(1, 3, 28, 28)]),
        (lambda: Patches(nn.Linear(16 * 16 * 3, 8)), [(1, 3, 224, 224)]),
        (lambda: nn.Sequential(nn.Embedding(100, 8)), [(1, 128)]),
        (lambda: Positions(nn.Embedding(100, 8), nn.Embedding(16, 8)), [(1, 16)]),
        (lambda: nn.LSTM(6, 8), [(128, 1, 6)]),
        (lambda: nn.GRU(6, 8, batch_first=True), [(1, 128, 6)]),
        (lambda: nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 3)), [(1, 128, 12)]),
        (lambda: nn.TransformerEncoderLayer(8, 2, batch_first=True), [(1, 128, 8)]),
        (lambda: nn.Transformer(8, 2, 1, 1, batch_first=True), [(1, 128, 8), (1, 128, 8)]),
        (lambda: nn.MultiheadAttention(8, 2), [(128, 1, 8)] * 3),
        (lambda: Ratings(nn.Embedding(10, 4), nn.Embedding(20, 4)), [(1, 128), (1, 128)]),
        (lambda: Diffusion(nn.Conv2d(3, 8, 3), nn.Linear(1, 8)), [(1, 3, 224, 224), (1,)]),
        (lambda: Masked(nn.Embedding(9, 4)), [(1, 128), (1, 128)]),
        (lambda: Functional(), [(1, 3, 224, 224)]),
        (lambda: Own(), [(1, 12)]),
        (lambda: nn.ReLU(), [(1, 3, 224, 224)]),
        (lambda: KeywordOnly(nn.Conv2d(3, 8, 3)), [(1, 3, 224, 224)]),
        (lambda: nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten()), [(1, 3, 224, 224)]),
        (lambda: Nothing(), []),
    ],
)
def test_the_commonest_accepted_input(make, shapes):
    with without_memory():
        inputs = accepted(make())
    assert [spec.shape for spec in (*inputs.args, *inputs.kwargs.values())] == shapes


def test_tokens_are_below_every_vocabulary():
    first = guesses(nn.Sequential(nn.Embedding(77, 8)))[0].args[0]
    assert (first.dtype, first.high) == ("int64", 77)
    user, item = next(inputs.args for inputs in guesses(Ratings(nn.Embedding(10, 4), nn.Embedding(20, 4))))
    assert (user.high, item.high) == (10, 10)


def test_a_guess_has_the_dtype_that_the_model_computes_in():
    assert guesses(nn.Conv2d(3, 8, 3).half())[0].args[0].dtype == "float16"
    assert guesses(nn.Embedding(9, 8).double())[0].args[0].dtype == "int64"


def test_a_guess_says_what_it_was_made_from():
    (first, *_) = guesses(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3)))
    assert first.assumption == "input 1×3×224×224 float32 was assumed from the first layer, Conv2d `1`"
    (first, *_) = guesses(Functional())
    assert first.assumption == "input 1×3×224×224 float32 was assumed from the shape of parameter `kernel`"
    (first, *_) = guesses(nn.ReLU())
    assert first.assumption == "input 1×3×224×224 float32 was assumed from the commonest shapes"
    assert guesses(Nothing()) == (Inputs(),)


def test_there_are_not_too_many():
    modules = [
        nn.Conv2d(3, 8, 3),
        nn.Linear(9, 1),
        nn.Embedding(4, 4),
        nn.Bilinear(2, 3, 4),
        nn.Transformer(8, 2, 1, 1),
    ]
    assert all(0 < len(guesses(module)) <= CHOICES for module in modules)
