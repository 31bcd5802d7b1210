"""Models on which counters go wrong, each with the parameters and MACs that a hand formula gives."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from state_audit import audited
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from analyzer import Problem, analyze


class Forward(nn.Module):
    """A module made of a forward function, its children and its own parameters."""

    def __init__(self, function: Callable[..., Any], **members: Any) -> None:
        super().__init__()
        self.function = function
        for name, member in members.items():
            setattr(self, name, member)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def check(model: nn.Module, args: Any, macs: int, params: int | None = None, **kwargs: Any) -> None:
    analysis = audited((model, args, kwargs), lambda: analyze(model, args, kwargs))
    check_that_raising_leaves_nothing(model, args, kwargs)
    assert analysis.uncounted == ()
    assert analysis.complete
    assert analysis.total.macs == macs
    assert sum(layer.macs or 0 for layer in analysis.layers) == macs
    assert sum(layer.params for layer in analysis.layers) == analysis.total.params
    if params is not None:
        assert analysis.total.params == params


def check_that_raising_leaves_nothing(model: nn.Module, args: Any, kwargs: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OverflowError("after all of the forward")

    if isinstance(model, torch.jit.ScriptModule):  # hooks of Python are not for these
        return
    inner = model.module if isinstance(model, nn.DataParallel) else getattr(model, "_orig_mod", model)
    handle = inner.register_forward_hook(refuse)
    try:
        with pytest.raises(Problem, match="after all of the forward"):
            audited((model, args, kwargs), lambda: analyze(model, args, kwargs))
    finally:
        handle.remove()


CONVOLUTIONS: list[tuple[str, nn.Module, tuple[int, ...], int]] = [
    ("1d stride", nn.Conv1d(64, 128, 5, 2, 2), (2, 64, 100), 2 * 128 * 64 * 5 * 50),
    ("stem", nn.Conv2d(3, 64, 7, 2, 3, bias=False), (1, 3, 224, 224), 64 * 3 * 7 * 7 * 112 * 112),
    ("depthwise", nn.Conv2d(512, 512, 3, padding=1, groups=512), (1, 512, 14, 14), 512 * 3 * 3 * 14 * 14),
    ("depthwise with multiplier", nn.Conv2d(8, 24, 3, padding=1, groups=8), (1, 8, 9, 9), 24 * 3 * 3 * 9 * 9),
    ("grouped", nn.Conv2d(64, 96, (3, 5), (2, 1), (1, 2), groups=4), (2, 64, 33, 40), 2 * 96 * 16 * 3 * 5 * 17 * 40),
    ("dilated", nn.Conv2d(64, 64, 3, dilation=2, padding=2), (1, 64, 56, 56), 64 * 64 * 9 * 56 * 56),
    ("same, odd", nn.Conv2d(4, 6, 5, padding="same"), (1, 4, 10, 10), 6 * 4 * 5 * 5 * 10 * 10),
    ("same, even", nn.Conv2d(4, 6, 4, padding="same"), (1, 4, 10, 10), 6 * 4 * 4 * 4 * 10 * 10),
    ("same, 1d even dilated", nn.Conv1d(4, 6, 4, padding="same", dilation=3), (1, 4, 20), 6 * 4 * 4 * 20),
    ("reflect padding", nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (1, 4, 10, 10), 6 * 4 * 9 * 10 * 10),
    ("3d", nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3)), (1, 3, 16, 112, 112), 64 * 3 * 3 * 7 * 7 * 16 * 56 * 56),
    ("transposed", nn.ConvTranspose2d(16, 8, 4, 2, 1), (1, 16, 10, 10), 16 * 8 * 4 * 4 * 10 * 10),
    ("transposed grouped", nn.ConvTranspose2d(64, 64, 2, 2, groups=4), (1, 64, 14, 14), 64 * 16 * 4 * 14 * 14),
    (
        "transposed dilated",
        nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1, dilation=2),
        (1, 32, 8, 8),
        32 * 16 * 9 * 8 * 8,
    ),
    ("transposed 1d", nn.ConvTranspose1d(8, 4, 3, 2), (3, 8, 10), 3 * 8 * 4 * 3 * 10),
    ("transposed 3d", nn.ConvTranspose3d(4, 2, 2, 2), (1, 4, 3, 3, 3), 4 * 2 * 8 * 27),
    ("unbatched 1d", nn.Conv1d(4, 8, 3), (4, 20), 8 * 4 * 3 * 18),
    ("unbatched 2d", nn.Conv2d(4, 8, 3), (4, 10, 10), 8 * 4 * 9 * 8 * 8),
    ("unbatched transposed", nn.ConvTranspose2d(4, 8, 3), (4, 10, 10), 4 * 8 * 9 * 10 * 10),
    ("no batch of one", nn.Conv2d(3, 8, 1), (5, 3, 4, 4), 5 * 8 * 3 * 4 * 4),
]


@pytest.mark.parametrize(
    ("model", "shape", "macs"), [row[1:] for row in CONVOLUTIONS], ids=[r[0] for r in CONVOLUTIONS]
)
def test_convolutions(model: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    check(model, torch.empty(shape), macs, sum(p.numel() for p in model.parameters()))


def test_functional_convolution_on_own_parameters() -> None:
    model = Forward(lambda m, x: F.conv2d(x, m.w, padding=1), w=weight(8, 3, 3, 3))
    check(model, torch.empty(1, 3, 6, 6), 8 * 3 * 9 * 36, 8 * 3 * 9)


def test_subclass_of_a_layer() -> None:
    class Scaled(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    check(Scaled(3, 8, 3), torch.empty(1, 3, 6, 6), 8 * 3 * 9 * 16, 8 * 3 * 9 + 8)


LINEARS: list[tuple[str, Callable[..., Any], list[tuple[int, ...]], int]] = [
    ("1d input", lambda m, x: F.linear(x, m.w), [(6,)], 6 * 4),
    ("2d input", lambda m, x: F.linear(x, m.w), [(5, 6)], 5 * 6 * 4),
    ("3d input", lambda m, x: F.linear(x, m.w), [(2, 5, 6)], 10 * 6 * 4),
    ("4d input", lambda m, x: F.linear(x, m.w, torch.ones(4)), [(2, 3, 5, 6)], 30 * 6 * 4),
    ("matmul", lambda m, x: x @ m.w.T, [(5, 6)], 5 * 6 * 4),
    ("matrix-vector", lambda m, x: m.w @ x, [(6,)], 6 * 4),
    ("vector-matrix", lambda m, x: x @ m.w, [(4,)], 6 * 4),
    ("dot", lambda m, x, y: torch.dot(x, y), [(7,), (7,)], 7),
    ("bmm", lambda m, x, y: torch.bmm(x, y), [(3, 4, 5), (3, 5, 6)], 3 * 4 * 5 * 6),
    ("baddbmm", lambda m, x, y: torch.baddbmm(torch.ones(1), x, y), [(3, 4, 5), (3, 5, 6)], 3 * 4 * 5 * 6),
    ("broadcast batch", lambda m, x, y: x @ y, [(2, 1, 4, 5), (3, 5, 6)], 2 * 3 * 4 * 5 * 6),
    ("batch times vector", lambda m, x, y: x @ y, [(2, 3, 4, 5), (5,)], 2 * 3 * 4 * 5),
    ("einsum", lambda m, x, y: torch.einsum("bik,bjk->bij", x, y), [(2, 3, 5), (2, 4, 5)], 2 * 3 * 4 * 5),
    ("einsum ellipsis", lambda m, x, y: torch.einsum("...ik,kj->...ij", x, y), [(2, 3, 4, 5), (5, 6)], 24 * 5 * 6),
    (  # left to right: (i k)(k j) then (i j)(j l)
        "einsum of three",
        lambda m, x, y, z: torch.einsum("ik,kj,jl->il", x, y, z),
        [(2, 3), (3, 4), (4, 5)],
        2 * 3 * 4 + 2 * 4 * 5,
    ),
    ("addmm", lambda m, x, y: torch.addmm(torch.ones(6), x, y), [(4, 5), (5, 6)], 4 * 5 * 6),
]


@pytest.mark.parametrize(("function", "shapes", "macs"), [row[1:] for row in LINEARS], ids=[row[0] for row in LINEARS])
def test_products(function: Callable[..., Any], shapes: list[tuple[int, ...]], macs: int) -> None:
    check(Forward(function, w=weight(4, 6)), tuple(torch.empty(shape) for shape in shapes), macs, 24)


def test_complex_products_are_four_real_ones() -> None:
    model = Forward(lambda m, x: torch.fft.fft(x) @ m.w, w=nn.Parameter(torch.randn(6, 4, dtype=torch.complex64)))
    check(model, torch.empty(5, 6), 4 * 5 * 6 * 4, 24)


def test_complex_convolutions_are_four_real_ones() -> None:
    model = nn.Conv2d(3, 8, 3, dtype=torch.complex64)
    check(model, torch.empty(1, 3, 6, 6, dtype=torch.complex64), 4 * 8 * 27 * 16, 8 * 27 + 8)


def test_bilinear() -> None:
    check(nn.Bilinear(5, 6, 7), (torch.empty(4, 5), torch.empty(4, 6)), 4 * 5 * 6 * 7, 5 * 6 * 7 + 7)


@dataclass(frozen=True)
class Heads:
    query: int
    keyed: int
    length: int
    source: int
    width: int
    value_width: int

    def tensors(self) -> tuple[torch.Tensor, ...]:
        query = torch.empty(2, self.query, self.length, self.width)
        key = torch.empty(2, self.keyed, self.source, self.width)
        return query, key, torch.empty(2, self.keyed, self.source, self.value_width)

    @property
    def macs(self) -> int:
        """Scores and weighted values of every query head."""
        return 2 * self.query * self.length * self.source * (self.width + self.value_width)


ATTENTIONS: list[tuple[Heads, dict[str, Any]]] = [
    (Heads(4, 4, 8, 8, 16, 16), {}),
    (Heads(4, 4, 8, 8, 16, 16), {"is_causal": True}),
    (Heads(4, 4, 8, 12, 16, 24), {}),
    (Heads(8, 2, 8, 8, 16, 16), {"enable_gqa": True}),
    (Heads(8, 1, 8, 10, 16, 16), {"enable_gqa": True}),
    (Heads(4, 4, 8, 12, 16, 16), {"attn_mask": torch.ones(8, 12, dtype=torch.bool)}),
]


@pytest.mark.parametrize(("heads", "options"), ATTENTIONS)
def test_attention_is_dense_whatever_its_options(heads: Heads, options: dict[str, Any]) -> None:
    model = Forward(lambda m, q, k, v: F.scaled_dot_product_attention(q, k, v, **options))
    check(model, heads.tensors(), heads.macs, 0)


@pytest.mark.parametrize("backend", ["MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION"])
def test_attention_on_every_backend(backend: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def forward(module: nn.Module, *qkv: torch.Tensor) -> torch.Tensor:
        with sdpa_kernel(getattr(SDPBackend, backend)):
            return F.scaled_dot_product_attention(*qkv)

    heads = Heads(4, 4, 8, 8, 16, 16)
    check(Forward(forward), heads.tensors(), heads.macs)


def test_attention_in_three_dimensions() -> None:
    model = Forward(lambda m, q: F.scaled_dot_product_attention(q, q, q))
    check(model, torch.empty(3, 8, 16), 2 * 3 * 8 * 8 * 16)


def attention_macs(batch: int, length: int, width: int) -> int:
    return batch * (4 * length * width * width + 2 * length * length * width)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_multihead_attention(need_weights: bool, training: bool) -> None:
    layer = nn.MultiheadAttention(16, 4, batch_first=True).train(training)
    model = Forward(lambda m, x: m.layer(x, x, x, need_weights=need_weights), layer=layer)
    check(model, torch.empty(2, 10, 16), attention_macs(2, 10, 16), 4 * 16 * 16 + 4 * 16)


def test_multihead_attention_with_other_widths() -> None:
    layer = nn.MultiheadAttention(16, 4, kdim=8, vdim=12, batch_first=True).eval()
    projections = 2 * (10 * 16 * 16 + 6 * 8 * 16 + 6 * 12 * 16 + 10 * 16 * 16)
    shapes = (2, 10, 16), (2, 6, 8), (2, 6, 12)
    check(layer, tuple(torch.empty(s) for s in shapes), projections + 2 * 2 * 10 * 6 * 16)


@pytest.mark.parametrize("batch_first", [True, False])
def test_encoder_layers_in_eval(batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=batch_first)
    model = nn.TransformerEncoder(layer, 2).eval()
    shape = (2, 10, 16) if batch_first else (10, 2, 16)
    feedforward = 2 * 10 * 2 * 16 * 32
    params = 2 * (4 * 16 * 16 + 4 * 16 + 2 * 16 * 32 + 32 + 16 + 4 * 16)
    check(model, torch.empty(shape), 2 * (attention_macs(2, 10, 16) + feedforward), params)


def test_encoder_with_a_padding_mask() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 1).eval()
    mask = torch.zeros(2, 10, dtype=torch.bool)
    macs = attention_macs(2, 10, 16) + 2 * 10 * 2 * 16 * 32
    check(model, torch.empty(2, 10, 16), macs, src_key_padding_mask=mask)


def test_transformer_with_decoder() -> None:
    model = nn.Transformer(16, 4, 1, 1, 32, batch_first=True).eval()
    feedforward = 2 * 16 * 32
    cross = 2 * 5 * 16 * 16 + 2 * 7 * 16 * 16 + 2 * 5 * 7 * 16
    macs = attention_macs(1, 7, 16) + attention_macs(1, 5, 16) + cross + (7 + 5) * feedforward
    check(model, (torch.empty(1, 7, 16), torch.empty(1, 5, 16)), macs)


def rnn_macs(gates: int, inputs: int, hidden: int, output: int | None = None) -> int:
    """Of one step: input and recurrent weights of every gate; with a projection the output is narrower."""
    out = hidden if output is None else output
    return gates * hidden * (inputs + out) + (hidden * out if output is not None else 0)


RECURRENT: list[tuple[str, nn.Module, tuple[int, ...], int]] = [
    ("lstm", nn.LSTM(8, 16), (5, 3, 8), 15 * rnn_macs(4, 8, 16)),
    ("lstm batch first", nn.LSTM(8, 16, batch_first=True), (3, 5, 8), 15 * rnn_macs(4, 8, 16)),
    ("lstm layers", nn.LSTM(8, 16, 2), (5, 3, 8), 15 * (rnn_macs(4, 8, 16) + rnn_macs(4, 16, 16))),
    (
        "lstm directions",
        nn.LSTM(8, 16, 2, bidirectional=True, bias=False),
        (5, 3, 8),
        15 * 2 * (rnn_macs(4, 8, 16) + rnn_macs(4, 32, 16)),
    ),
    ("lstm projection", nn.LSTM(8, 16, proj_size=6), (5, 3, 8), 15 * rnn_macs(4, 8, 16, 6)),
    ("lstm unbatched", nn.LSTM(8, 16), (5, 8), 5 * rnn_macs(4, 8, 16)),
    ("gru", nn.GRU(8, 16, 2, bidirectional=True), (5, 3, 8), 15 * 2 * (rnn_macs(3, 8, 16) + rnn_macs(3, 32, 16))),
    ("rnn", nn.RNN(8, 16, nonlinearity="relu"), (5, 3, 8), 15 * rnn_macs(1, 8, 16)),
    ("lstm cell", nn.LSTMCell(8, 16), (3, 8), 3 * rnn_macs(4, 8, 16)),
    ("gru cell", nn.GRUCell(8, 16), (3, 8), 3 * rnn_macs(3, 8, 16)),
]


@pytest.mark.parametrize(("model", "shape", "macs"), [row[1:] for row in RECURRENT], ids=[row[0] for row in RECURRENT])
def test_recurrent_layers(model: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    check(model, torch.empty(shape), macs, sum(p.numel() for p in model.parameters()))


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_packed_sequences_count_real_steps(layer: Callable[..., nn.Module], gates: int) -> None:
    packed = pack_padded_sequence(torch.randn(3, 7, 8), torch.tensor([7, 4, 2]), batch_first=True)
    check(layer(8, 16, batch_first=True), packed, (7 + 4 + 2) * rnn_macs(gates, 8, 16))


def test_sequences_packed_inside_the_forward() -> None:
    def forward(module: Any, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        return module.lstm(pack_padded_sequence(x, lengths, batch_first=True))

    model = Forward(forward, lstm=nn.LSTM(8, 16, batch_first=True))
    check(model, (torch.randn(2, 7, 8), torch.tensor([7, 3])), (7 + 3) * rnn_macs(4, 8, 16))


def test_cell_in_a_loop() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        state = None
        for step in x:
            state = module.cell(step, state)
        return state[0]

    model = Forward(forward, cell=nn.LSTMCell(8, 16))
    check(model, torch.empty(6, 3, 8), 6 * 3 * rnn_macs(4, 8, 16), 4 * 16 * (8 + 16 + 2))
    layer = next(row for row in analyze(model, (torch.empty(6, 3, 8),)).layers if row.path == "cell")
    assert layer.calls == 6


def test_convolutional_lstm_cell() -> None:
    def forward(module: Any, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        i, f, o, g = module.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh()

    shapes = (1, 3, 8, 8), (1, 4, 8, 8), (1, 4, 8, 8)
    model = Forward(forward, gates=nn.Conv2d(7, 16, 3, padding=1))
    check(model, tuple(torch.empty(s) for s in shapes), 16 * 7 * 9 * 64)


@pytest.mark.parametrize("norm", [nn.utils.weight_norm, parametrizations.weight_norm])
def test_weight_norm(norm: Callable[[nn.Module], nn.Module]) -> None:
    check(norm(nn.Conv2d(3, 8, 3)), torch.empty(1, 3, 6, 6), 8 * 3 * 9 * 16, 8 * 3 * 9 + 8 + 8)


def test_spectral_norm_counts_its_products() -> None:
    """sigma = u·(W v) in eval: a matrix-vector product and a dot product over W, 8 × 27."""
    for model in (nn.utils.spectral_norm(nn.Conv2d(3, 8, 3)), parametrizations.spectral_norm(nn.Conv2d(3, 8, 3))):
        check(model.eval(), torch.empty(1, 3, 6, 6), 8 * 3 * 9 * 16 + 8 * 27 + 8, 8 * 3 * 9 + 8)


def test_own_parametrization() -> None:
    class Symmetric(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.triu() + x.triu(1).transpose(-1, -2)

    model = nn.Linear(6, 6)
    nn.utils.parametrize.register_parametrization(model, "weight", Symmetric())
    check(model, torch.empty(4, 6), 4 * 36, 36 + 6)


def test_tied_weights_count_once() -> None:
    embedding, head = nn.Embedding(50, 8), nn.Linear(8, 50, bias=False)
    head.weight = embedding.weight
    model = nn.Sequential(embedding, head)
    check(model, torch.zeros(2, 5, dtype=torch.long), 10 * 8 * 50, 50 * 8)
    layers = {layer.path: layer for layer in analyze(model, (torch.zeros(2, 5, dtype=torch.long),)).layers}
    assert (layers["0"].params, layers["1"].params) == (50 * 8, 0)


def test_weights_that_share_memory_count_once() -> None:
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight = nn.Parameter(first.weight.data)
    check(nn.Sequential(first, second), torch.empty(2, 6), 2 * 2 * 36, 36 + 6 + 6)


def test_module_used_three_times() -> None:
    layer = nn.Linear(6, 6)
    check(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), layer), torch.empty(2, 6), 3 * 2 * 36, 36 + 6)


def test_module_under_two_names() -> None:
    model = Forward(lambda m, x: m.b(m.a(x)), a=nn.Linear(6, 6))
    model.b = model.a
    check(model, torch.empty(2, 6), 2 * 2 * 36, 36 + 6)
    rows = [layer for layer in analyze(model, (torch.empty(2, 6),)).layers if layer.params]
    assert [(row.path, row.calls) for row in rows] == [("a", 2)]


def test_frozen_parameters_count() -> None:
    model = nn.Linear(6, 4).requires_grad_(False)
    total = analyze(model, (torch.empty(2, 6),)).total
    assert (total.params, total.trainable_params) == (28, 0)


def test_bare_and_unused_parameters() -> None:
    model = Forward(lambda m, x: x + m.bias, bias=weight(6), unused=weight(5), idle=nn.Linear(3, 2))
    analysis = analyze(model, (torch.empty(2, 6),))
    assert (analysis.total.params, analysis.total.macs) == (6 + 5 + 3 * 2 + 2, 0)
    assert {row.path: row.params for row in analysis.never_run} == {"": 5, "idle": 3 * 2 + 2}


def test_parameter_lists() -> None:
    weights = nn.ParameterList([weight(4, 6), weight(6, 4)])
    check(Forward(lambda m, x: x @ m.weights[1] @ m.weights[0], weights=weights), torch.empty(3, 6), 3 * 24 * 2, 48)


def test_lazy_modules() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    check(model, torch.empty(1, 3, 6, 6), 8 * 3 * 9 * 16 + 8 * 16 * 10, 8 * 27 + 8 + 8 * 16 * 10 + 10)
    assert nn.parameter.is_lazy(model[0].weight)


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10)).eval()


SMALL_MACS = 8 * 27 * 16 + 8 * 16 * 10
SMALL_PARAMS = 8 * 27 + 8 + 16 + 8 * 16 * 10 + 10


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        torch.compile,
        torch.jit.script,
        nn.DataParallel,
        lambda model: torch.jit.trace(model, torch.randn(1, 3, 6, 6)),
        lambda model: nn.Sequential(torch.compile(model)),
        lambda model: nn.Sequential(torch.jit.script(model), nn.Identity()),
    ],
    ids=["plain", "compiled", "scripted", "data parallel", "jit traced", "compiled child", "scripted child"],
)
def test_wrapped_models(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = wrap(small())
    check(model, torch.empty(1, 3, 6, 6), SMALL_MACS, SMALL_PARAMS)
    params = [row.params for row in analyze(model, (torch.empty(1, 3, 6, 6),)).layers if row.macs]
    assert params == [8 * 27 + 8, 8 * 16 * 10 + 10]


def test_compiled_in_place() -> None:
    model = small()
    model.compile()
    check(model, torch.empty(1, 3, 6, 6), SMALL_MACS, SMALL_PARAMS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dynamically_quantized() -> None:
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
    quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    check(quantized, torch.randn(4, 16), 4 * (16 * 32 + 32 * 8))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, w)
        return x @ w


def test_custom_autograd_function() -> None:
    check(Forward(lambda m, x: Square.apply(x, m.w), w=weight(6, 4)), torch.empty(5, 6), 5 * 24, 24)


def test_forward_of_a_child_called_directly() -> None:
    model = Forward(lambda m, x: m.child.forward(x), child=nn.Linear(6, 4))
    check(model, torch.empty(5, 6), 5 * 24, 28)
    analysis = analyze(model, (torch.empty(5, 6),))
    assert {row.path: row.macs for row in analysis.layers if row.macs} == {"child": 5 * 24}
    assert analysis.never_run == ()


@pytest.mark.parametrize("reentrant", [True, False])
def test_activation_checkpointing(reentrant: bool) -> None:
    model = Forward(lambda m, x: checkpoint(m.body, x, use_reentrant=reentrant), body=nn.Linear(6, 4))
    check(model, torch.empty(5, 6), 5 * 24, 28)


def test_vmap_over_models() -> None:
    model = Forward(lambda m, x: torch.vmap(lambda row, w: w @ row)(x, m.w), w=weight(3, 4, 6))
    check(model, torch.empty(3, 6), 3 * 4 * 6, 72)


def test_vmap_over_attention() -> None:
    attend = torch.vmap(lambda q: F.scaled_dot_product_attention(q, q, q))
    check(Forward(lambda m, x: attend(x)), torch.empty(3, 2, 8, 16), 2 * 3 * 2 * 8 * 8 * 16)


def test_vmap_over_a_convolution() -> None:
    model = Forward(lambda m, x: torch.vmap(m.conv)(x), conv=nn.Conv2d(3, 8, 3))
    check(model, torch.empty(5, 2, 3, 6, 6), 5 * 2 * 8 * 27 * 16)


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_grad_contexts_inside(context: Callable[[], Any]) -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        with context():
            return module.attention(module.linear(x), x, x, need_weights=False)[0]

    attention = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    model = Forward(forward, linear=nn.Linear(16, 16), attention=attention)
    check(model, torch.empty(2, 10, 16), attention_macs(2, 10, 16) + 20 * 16 * 16)


def test_a_forward_that_differentiates() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(module.linear(x).sum(), x)[0]

    check(Forward(forward, linear=nn.Linear(6, 4)), torch.randn(5, 6), 5 * 24 + 5 * 24)


@dataclass
class Batch:
    image: torch.Tensor
    scale: float = 1.0


@dataclass
class Output:
    logits: torch.Tensor


def test_dict_input_and_output() -> None:
    model = Forward(lambda m, batch: {"y": m.linear(batch["x"])}, linear=nn.Linear(6, 4))
    check(model, {"x": torch.empty(5, 6)}, 5 * 24)
    assert analyze(model, ({"x": torch.empty(5, 6)},)).inputs[0].shape == (5, 6)


def test_dataclass_input_and_output() -> None:
    model = Forward(lambda m, batch: Output(m.linear(batch.image) * batch.scale), linear=nn.Linear(6, 4))
    check(model, Batch(torch.empty(5, 6)), 5 * 24)


def test_keyword_only_inputs() -> None:
    class Named(nn.Linear):
        def forward(self, *, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:  # type: ignore[override]
            return super().forward(x) * scale

    check(Named(6, 4), (), 5 * 24, x=torch.empty(5, 6))
    analysis = analyze(Named(6, 4), (), {"x": torch.empty(5, 6)})
    assert [(item.name, item.shape, item.dtype) for item in analysis.inputs] == [("x", (5, 6), "float32")]
    assert analysis.layers[0].input_shapes == ((5, 6),)


def test_model_without_parameters() -> None:
    check(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), torch.empty(1, 3, 8, 8), 0, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    model = small().to(dtype)
    check(model, torch.empty(1, 3, 6, 6, dtype=dtype), SMALL_MACS, SMALL_PARAMS)
    assert analyze(model, (torch.empty(1, 3, 6, 6, dtype=dtype),)).total.param_bytes == SMALL_PARAMS * dtype.itemsize


def test_autocast_inside() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return module.body(x)

    check(Forward(forward, body=small()), torch.empty(1, 3, 6, 6), SMALL_MACS, SMALL_PARAMS)


def test_training_mode_counts_the_same_work() -> None:
    check(small().train(), torch.empty(2, 3, 6, 6), 2 * SMALL_MACS, SMALL_PARAMS)


def test_in_place_operators() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        x = module.linear(x)
        x.relu_().mul_(2)
        x[:, :2] += 1
        return x

    model = Forward(forward, linear=nn.Linear(6, 4))
    check(model, torch.empty(5, 6), 5 * 24)
    assert (
        analyze(model, (torch.empty(5, 6),)).total.other_flops == 5 * 4 + 5 * 4 + 5 * 4 + 5 * 2
    )  # bias, relu, mul, add


def test_a_tensor_filled_row_by_row() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(5, 4)
        for row in range(5):
            out[row] = module.linear(x[row])
        return out

    check(Forward(forward, linear=nn.Linear(6, 4)), torch.randn(5, 6), 5 * 24)


def test_data_dependent_branches_run_for_real() -> None:
    model = Forward(lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), a=nn.Linear(6, 4), b=nn.Linear(6, 40))
    analysis = analyze(model, (torch.ones(5, 6),))
    assert analysis.total.macs == 5 * 24
    assert analysis.tracing.mode == "real"
    assert analysis.tracing.reason
    assert analyze(model, (-torch.ones(5, 6),)).total.macs == 5 * 240


def test_constants_may_be_read_without_values_of_inputs() -> None:
    model = Forward(lambda m, x: m.layers[int(m.order[1])](x), layers=nn.ModuleList([nn.Linear(6, 4), nn.Linear(6, 8)]))
    model.register_buffer("order", torch.tensor([0, 1]))
    analysis = analyze(model, (torch.empty(5, 6),))
    assert (analysis.total.macs, analysis.tracing.mode) == (5 * 6 * 8, "meta")


def test_routing_to_experts() -> None:
    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(len(x), 4)
        choice = (x.sum(1) > 0).long()
        for index, expert in enumerate(module.experts):
            rows = torch.where(choice == index)[0]
            out[rows] = expert(x[rows])
        return out

    model = Forward(forward, experts=nn.ModuleList([nn.Linear(6, 4), nn.Linear(6, 4)]))
    x = torch.cat([torch.ones(3, 6), -torch.ones(2, 6)])
    analysis = analyze(model, (x,))
    assert (analysis.total.macs, analysis.tracing.mode) == (5 * 24, "real")
    assert {row.path: row.macs for row in analysis.layers if row.macs} == {"experts.0": 2 * 24, "experts.1": 3 * 24}


def test_sparse_products_count_stored_elements() -> None:
    sparse = torch.eye(6).to_sparse()
    check(Forward(lambda m, x: torch.sparse.mm(m.s, x), s=sparse), torch.randn(6, 5), 6 * 5)
    check(Forward(lambda m, x: m.s @ x, s=sparse.to_sparse_csr()), torch.randn(6, 5), 6 * 5)


class Subclass(torch.Tensor):
    """Nothing but a class of the user's own."""


@torch.library.custom_op("analyzer_tests::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    """An operator that says nothing of its shapes."""
    return 2 * x


def tv_image(*shape: int) -> torch.Tensor:
    return pytest.importorskip("torchvision.tv_tensors").Image(torch.rand(shape))


def jagged() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.randn(3, 6), torch.randn(5, 6)], layout=torch.jagged)


def strided_nested() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.randn(3, 6), torch.randn(5, 6)])


def adjacent(m: Any, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return m.layer(matrix @ x)


def scattered(m: Any, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    return adjacent(m, x, torch.sparse_coo_tensor(edges, torch.ones(edges.shape[1]), (5, 5)))


def nested_inside(m: Any, *rows: torch.Tensor) -> torch.Tensor:
    return m.layer(torch.nested.as_nested_tensor(list(rows), layout=torch.jagged))


EDGES = torch.tensor([[0, 1, 2], [1, 2, 3]])
ROWS, WEIGHT = 5, 6 * 4
WITHOUT_META_FORM: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]], int]] = {
    "subclass": (lambda m, x: m.layer(x), lambda: (torch.randn(5, 6).as_subclass(Subclass),), ROWS * WEIGHT),
    "tv_tensor": (lambda m, x: m.layer(x.mean(1)), lambda: (tv_image(1, 3, 5, 6),), ROWS * WEIGHT),
    "coo": (adjacent, lambda: (torch.randn(5, 6), torch.eye(5).to_sparse()), 5 * 6 + ROWS * WEIGHT),
    "csr": (adjacent, lambda: (torch.randn(5, 6), torch.eye(5).to_sparse_csr()), 5 * 6 + ROWS * WEIGHT),
    "csc": (adjacent, lambda: (torch.randn(5, 6), torch.eye(5).to_sparse_csc()), 5 * 6 + ROWS * WEIGHT),
    "made sparse inside": (scattered, lambda: (torch.randn(5, 6), EDGES), 3 * 6 + ROWS * WEIGHT),
    "jagged": (lambda m, x: m.layer(x), lambda: (jagged(),), (3 + 5) * WEIGHT),
    "jagged, with attributes": (lambda m, x: m.layer(x.relu() + 1).sum(-1), lambda: (jagged(),), (3 + 5) * WEIGHT),
    "jagged, padded": (lambda m, x: m.layer(x).to_padded_tensor(0.0), lambda: (jagged(),), (3 + 5) * WEIGHT),
    "jagged inside": (nested_inside, lambda: (torch.randn(3, 6), torch.randn(5, 6)), (3 + 5) * WEIGHT),
    "strided nested": (lambda m, x: m.layer(x), lambda: (strided_nested(),), (3 + 5) * WEIGHT),
    "strided nested, padded": (
        lambda m, x: m.layer(x.relu()).to_padded_tensor(0.0),
        lambda: (strided_nested(),),
        (3 + 5) * WEIGHT,
    ),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(("function", "make", "macs"), WITHOUT_META_FORM.values(), ids=WITHOUT_META_FORM.keys())
def test_tensors_that_have_no_meta_form(function: Callable[..., Any], make: Callable[[], Any], macs: int) -> None:
    check(Forward(function, layer=nn.Linear(6, 4)), make(), macs, 28)


def test_an_operator_without_shapes_of_its_own_runs_for_real_and_is_named() -> None:
    model = Forward(lambda m, x: m.layer(doubled(x)), layer=nn.Linear(6, 4))
    analysis = analyze(model, torch.randn(5, 6))
    assert (analysis.total.macs, analysis.tracing.mode, analysis.complete) == (5 * 24, "real", False)
    assert [(row.operator, row.calls) for row in analysis.uncounted] == [("analyzer_tests.doubled", 1)]


def test_products_of_nested_rows_are_named_where_their_lengths_decide() -> None:
    model = Forward(lambda m, x: m.layer(x) @ m.layer(x).transpose(1, 2), layer=nn.Linear(6, 4))
    analysis = analyze(model, strided_nested())
    assert (analysis.total.macs, analysis.complete) == (2 * 8 * 24, False)
    assert [row.operator for row in analysis.uncounted] == ["nested.matmul"]


def test_deformable_convolution() -> None:
    from torchvision.ops import DeformConv2d

    model = DeformConv2d(4, 6, 3, padding=1)
    check(model, (torch.empty(1, 4, 8, 8), torch.empty(1, 18, 8, 8)), 6 * 4 * 9 * 64, 6 * 4 * 9 + 6)


def test_detection_operators_have_no_macs() -> None:
    from torchvision.ops import nms, roi_align

    def forward(module: Any, x: torch.Tensor, boxes: torch.Tensor) -> Any:
        return roi_align(x, [boxes], 3), nms(boxes, boxes[:, 0], 0.5)

    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 5.0, 5.0]])
    check(Forward(forward), (torch.randn(1, 4, 8, 8), boxes), 0, 0)


def test_fourier_transforms_have_no_macs() -> None:
    analysis = analyze(Forward(lambda m, x: torch.fft.rfft2(x).abs()), (torch.empty(1, 3, 8, 8),))
    assert (analysis.total.macs, analysis.complete) == (0, True)
    assert analysis.total.other_flops


def test_an_opaque_operator_is_named_with_its_layer() -> None:
    inner = Forward(lambda m, x: torch.linalg.svd(x)[1])
    analysis = analyze(Forward(lambda m, x: m.inner(x), inner=inner), (torch.randn(5, 6),))
    assert not analysis.complete
    assert [(row.operator, row.calls, row.layers) for row in analysis.uncounted] == [
        ("aten._linalg_svd", 1, ("inner",))
    ]


def test_a_model_on_meta() -> None:
    with torch.device("meta"):
        model = small()
    check(model, torch.empty(1, 3, 6, 6, device="meta"), SMALL_MACS, SMALL_PARAMS)


def test_a_fake_model() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        model, x = small(), torch.empty(1, 3, 6, 6)
    check(model, x, SMALL_MACS, SMALL_PARAMS)


def test_meta_inputs_for_a_real_model() -> None:
    check(small(), torch.empty(1, 3, 6, 6, device="meta"), SMALL_MACS, SMALL_PARAMS)


def test_a_model_that_cannot_be_copied() -> None:
    model = small()
    model.lock = (step for step in range(3))  # a generator
    with pytest.raises(TypeError):
        copy.deepcopy(model)
    before = model[0].weight
    check(model, torch.empty(1, 3, 6, 6), SMALL_MACS, SMALL_PARAMS)
    assert model[0].weight is before
