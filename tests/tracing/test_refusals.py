"""What cannot run is refused without values too, and nothing that can run is."""

import copy
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import analyze
from analyzer.tracing import fallbacks
from analyzer.values.errors import Problem

F32, F64, F16, I64 = torch.float32, torch.float64, torch.float16, torch.int64


def images(*shape, dtype=F32):
    return torch.empty(shape, dtype=dtype, device="meta")


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


TRANSPOSED = [
    (nn.ConvTranspose1d(4, 6, 3), (1, 4, 7)),
    (nn.ConvTranspose2d(4, 6, 3), (1, 4, 7, 7)),
    (nn.ConvTranspose2d(4, 6, 3), (4, 7, 7)),
    (nn.ConvTranspose2d(4, 6, 3, groups=2), (1, 4, 7, 7)),
    (nn.ConvTranspose3d(4, 6, 3), (1, 4, 7, 7, 7)),
]


@pytest.mark.parametrize(("layer", "shape"), TRANSPOSED)
def test_channels_of_a_transposed_convolution(layer, shape):
    batched = len(shape) == layer.weight.dim()
    wrong = (1, 5, *shape[2:]) if batched else (5, *shape[1:])
    with pytest.raises(Problem, match="to have 4 channels, but got 5 channels instead"):
        analyze(layer, args=(images(*wrong),))
    places = torch.Size(shape[2:] if batched else shape[1:]).numel()
    kernel = torch.Size(layer.kernel_size).numel()
    assert analyze(layer, args=(images(*shape),)).total.macs == 4 * 6 // layer.groups * kernel * places


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4)])
def test_a_linear_layer_takes_its_own_dtype_alone(bias, shape):
    layer = nn.Linear(4, 3, bias)
    for dtype in (F64, F16, I64, torch.bool, torch.complex64):
        with pytest.raises(Problem, match="dtype"):
            analyze(layer, args=(images(*shape, dtype=dtype),))
    rows = torch.Size(shape[:-1]).numel()
    for dtype in (F32, F64, F16):
        assert analyze(layer.to(dtype), args=(images(*shape, dtype=dtype),)).total.macs == rows * 4 * 3


@pytest.mark.parametrize(("left", "right"), [((4,), (4,)), ((3, 4), (4,)), ((3, 4), (4, 2)), ((5, 3, 4), (5, 4, 2))])
def test_factors_of_a_product_share_their_dtype(left, right):
    with pytest.raises(Problem, match="dtype"):
        analyze(Product(), args=(images(*left), images(*right, dtype=F64)))
    columns = right[-1] if len(right) > 1 else 1
    assert analyze(Product(), args=(images(*left), images(*right))).total.macs == torch.Size(left).numel() * columns


def test_mixed_dtypes_under_autocast_are_one():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.head(x.bfloat16())

    assert analyze(Mixed(), args=(torch.zeros(2, 4),)).total.macs == 2 * 4 * 3


def real(*shape, dtype=F32):
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape).to(dtype)
    return torch.ones(shape, dtype=dtype)


def calls(function):
    class Model(nn.Module):
        def forward(self, *args):
            return function(*args)

    return Model()


attend = calls(F.scaled_dot_product_attention)
masked = calls(lambda q, k, mask: F.scaled_dot_product_attention(q, k, k, mask))
grouped = calls(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
causal = calls(lambda q, mask: F.scaled_dot_product_attention(q, q, q, mask, is_causal=True))
Q, K = real(2, 2, 4, 8), real(2, 2, 6, 8)
BF16, C64, BOOL, U8, I32 = torch.bfloat16, torch.complex64, torch.bool, torch.uint8, torch.int32


def convolving(**options):
    return calls(lambda x, weight, *bias: F.conv2d(x, weight, *bias, **options))


def transposing(**options):
    return calls(lambda x, weight, *bias: F.conv_transpose2d(x, weight, *bias, **options))


IMAGE, WEIGHT = real(1, 3, 8, 8), real(4, 3, 3, 3)
REFUSED = {
    "attention, key of another dtype": (attend, Q, real(2, 2, 4, 8, dtype=F16), Q),
    "attention, value of another dtype": (attend, Q, Q, real(2, 2, 4, 8, dtype=F64)),
    "attention on integers": (attend, *[real(2, 2, 4, 8, dtype=I64)] * 3),
    "dropout": (calls(lambda q: F.scaled_dot_product_attention(q, q, q, dropout_p=2.0)), Q),
    "mask of other keys": (masked, Q, K, real(4, 5)),
    "booleans of other keys": (masked, Q, K, real(4, 7, dtype=BOOL)),
    "mask of other heads": (masked, Q, K, real(2, 3, 4, 6)),
    "mask of another batch": (masked, Q, K, real(3, 1, 4, 6)),
    "mask of another rank": (masked, Q, K, real(7, 2, 2, 4, 6)),
    "mask of one axis": (masked, Q, K, real(6)),
    "mask of integers": (masked, Q, K, real(4, 6, dtype=I64)),
    "mask of another precision": (masked, Q, K, real(4, 6, dtype=F64)),
    "mask beside causality": (causal, Q, real(4, 4)),
    "3 query heads, 2 key heads": (grouped, real(2, 3, 4, 8), Q, Q),
    "2 query heads, 4 key heads": (grouped, Q, *[real(2, 4, 4, 8)] * 2),
    "lstm states": (nn.LSTM(8, 6), real(4, 2, 8), (real(1, 2, 6, dtype=F64),) * 2),
    "gru states": (nn.GRU(8, 6), real(4, 2, 8), real(1, 2, 6, dtype=F64)),
    "rnn states": (nn.RNN(8, 6, nonlinearity="relu"), real(4, 2, 8), real(1, 2, 6, dtype=F64)),
    "no steps": (nn.LSTM(8, 6), real(0, 2, 8)),
    "no steps, batch first": (nn.LSTM(8, 6, batch_first=True), real(2, 0, 8)),
    "bias of a convolution": (convolving(), IMAGE, WEIGHT, real(5)),
    "dilation": (convolving(dilation=0), IMAGE, WEIGHT),
    "stride": (convolving(stride=0), IMAGE, WEIGHT),
    "padding": (convolving(padding=-1), IMAGE, WEIGHT),
    "groups": (convolving(groups=2), real(1, 4, 8, 8), real(5, 2, 3, 3)),
    "transposed, dtypes": (transposing(), real(1, 3, 8, 8, dtype=F64), real(3, 4, 3, 3)),
    "transposed, output padding": (transposing(output_padding=1), IMAGE, real(3, 4, 3, 3)),
    "transposed, bias": (transposing(), IMAGE, real(3, 4, 3, 3), real(5)),
    "transposed, bias of groups": (transposing(groups=3), IMAGE, real(3, 4, 3, 3), real(4)),
    "batch norm": (nn.BatchNorm2d(3).eval(), real(1, 3, 4, 4, dtype=F64)),
    "batch norm in half precision": (nn.BatchNorm2d(3).eval().half(), real(1, 3, 4, 4)),
    "batch norm of integers": (nn.BatchNorm2d(3).eval(), real(1, 3, 4, 4, dtype=I64)),
    "instance norm": (nn.InstanceNorm2d(3, affine=True), real(1, 3, 4, 4, dtype=F64)),
    "layer norm": (nn.LayerNorm(8), real(2, 8, dtype=F64)),
    "group norm": (nn.GroupNorm(2, 4), real(2, 4, 3, 3, dtype=F64)),
    "softmax of integers": (nn.Softmax(-1), real(2, 3, dtype=I64)),
    "softmax over no axis": (nn.Softmax(2), real(2, 3)),
    "gelu of integers": (nn.GELU(), real(2, 3, dtype=I64)),
    "silu of integers": (nn.SiLU(), real(2, 3, dtype=I64)),
    "mish of integers": (nn.Mish(), real(2, 3, dtype=I64)),
    "hardswish of integers": (nn.Hardswish(), real(2, 3, dtype=I64)),
    "relu of booleans": (nn.ReLU(), real(2, 3, dtype=BOOL)),
    "relu of complex numbers": (nn.ReLU(), real(2, 3, dtype=C64)),
    "pooling of integers": (nn.AdaptiveAvgPool2d(2), real(1, 3, 4, 4, dtype=I64)),
    "resampling of integers": (nn.Upsample(scale_factor=2), real(1, 3, 4, 4, dtype=I64)),
    "variance of integers": (calls(lambda x: x.var()), real(2, 3, dtype=I64)),
    "grid of another dtype": (calls(F.grid_sample), IMAGE, real(1, 5, 5, 2, dtype=F64)),
    "distances": (calls(torch.cdist), real(2, 3), real(4, 3, dtype=F64)),
    "sum of products": (calls(torch.addbmm), real(2, 4, dtype=F64), real(2, 2, 3), real(2, 3, 4)),
    "a fraction into integers": (calls(lambda x: x.mul_(1.5)), real(2, 3, dtype=I64)),
    "fractions into integers": (calls(lambda x, y: x.add_(y)), real(2, 3, dtype=I64), real(2, 3)),
    "a quotient into integers": (calls(lambda x: x.div_(2)), real(2, 3, dtype=I64)),
    "negative power of integers": (calls(lambda x: x**-1), real(2, 3, dtype=I64)),
    "bits of fractions": (calls(lambda x: x & 1), real(2, 3)),
    "classes": (nn.CrossEntropyLoss(), real(2, 3), real(2, dtype=I32)),
    "binary cross entropy": (nn.BCELoss(), real(2, 3), real(2, 3, dtype=F64)),
    "index of fractions": (calls(lambda x, i: x.index_select(0, i)), real(2, 3), real(2)),
    "added at an index": (calls(lambda x, y: x.index_add(0, torch.arange(2), y)), real(2, 3), real(2, 3, dtype=F64)),
    "put at an index": (calls(lambda x, y: x.index_put((torch.arange(2),), y)), real(2, 3), real(2, 3, dtype=F64)),
    "filled at an index": (calls(lambda x: x.index_fill(1, x[0], 0.0)), real(2, 3)),
    "largest of nothing": (calls(lambda x: x[:, :0].max(1).values), real(2, 3)),
    "largest of nothing at all": (calls(lambda x: x[:, :0].max()), real(2, 3)),
    "middle of nothing": (calls(lambda x: x[:, :0].median(1).values), real(2, 3)),
    "fourier in half precision": (calls(torch.fft.fft), real(2, 8, dtype=F16)),
    "real fourier in half precision": (calls(torch.fft.rfft2), real(2, 8, dtype=BF16)),
    "one of fractions": (calls(lambda x: F.one_hot(x, 8)), real(2, 3)),
    "one of short integers": (calls(lambda x: F.one_hot(x, 8)), real(2, 3, dtype=I32)),
    "boundaries in a table": (calls(torch.bucketize), real(2, 3), real(2, 3)),
    "quantized integers": (calls(lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)), real(2, 3, dtype=I32)),
    "convolution, mixed": (convolving(), IMAGE.half(), WEIGHT),
    "polar of two kinds": (calls(torch.polar), real(2, 3), real(2, 3, dtype=F64)),
    "cholesky in half precision": (calls(torch.linalg.cholesky), torch.eye(3).half()),
    "pooled integers": (calls(lambda x: F.avg_pool2d(x, 2)), real(1, 4, 4, dtype=I32)),
    "product of booleans": (Product(), real(2, 2, dtype=BOOL), real(2, 2, dtype=BOOL)),
    "order of complex numbers": (calls(lambda x: x > 1), real(2, 3, dtype=C64)),
    "absolute booleans": (calls(torch.abs), real(2, 3, dtype=BOOL)),
    "softplus of integers": (nn.Softplus(), real(2, 3, dtype=I64)),
    "divisors of fractions": (calls(torch.gcd), real(2, 3), real(2, 3)),
}


@pytest.mark.parametrize(("model", "args"), [(row[0], row[1:]) for row in REFUSED.values()], ids=REFUSED.keys())
def test_what_torch_refuses_is_refused(model, args):
    with pytest.raises((RuntimeError, IndexError)), torch.no_grad():
        model(*args)
    with pytest.raises(Problem) as caught:
        analyze(model, args=args)
    assert "\n" not in str(caught.value)
    kind = type(model).__name__
    assert kind in str(caught.value)


RUNS = {
    "attention": (attend, Q, K, K),
    "attention in half precision": (attend, *[real(2, 2, 4, 8, dtype=BF16)] * 3),
    "attention without heads": (attend, *[real(4, 8)] * 3),
    "attention of one batch to another": (attend, real(1, 2, 4, 8), K, K),
    "mask of booleans": (masked, Q, K, real(4, 6, dtype=BOOL)),
    "mask of scores": (masked, Q, K, real(2, 2, 4, 6)),
    "mask of keys": (masked, Q, K, real(2, 1, 1, 6)),
    "mask in full precision": (masked, *[real(2, 2, 4, 8, dtype=BF16)] * 2, real(4, 4)),
    "mask of the larger batch": (masked, real(1, 2, 4, 8), K, real(2, 1, 4, 6)),
    "4 query heads, 2 key heads": (grouped, real(2, 4, 4, 8), Q, Q),
    "4 query heads, 2 key heads, 1 value head": (grouped, real(2, 4, 4, 8), Q, real(2, 1, 4, 8)),
    "lstm": (nn.LSTM(8, 6), real(4, 2, 8), (real(1, 2, 6), real(1, 2, 6))),
    "lstm, double": (nn.LSTM(8, 6).double(), real(4, 2, 8, dtype=F64)),
    "lstm, batch first": (nn.LSTM(8, 6, batch_first=True), real(4, 2, 8)),
    "gru, unbatched": (nn.GRU(8, 6), real(4, 8), real(1, 6)),
    "convolution": (convolving(stride=2, padding=1, dilation=2), IMAGE, WEIGHT, real(4)),
    "convolution in groups": (convolving(groups=2), real(1, 6, 8, 8), WEIGHT),
    "transposed convolution": (transposing(stride=2, output_padding=1), IMAGE, real(3, 4, 3, 3), real(4)),
    "transposed convolution in groups": (transposing(groups=3), IMAGE, real(3, 4, 3, 3), real(12)),
    "batch norm, mixed": (nn.BatchNorm2d(3).eval(), real(1, 3, 4, 4, dtype=BF16)),
    "batch norm, training": (nn.BatchNorm2d(3), real(1, 3, 4, 4)),
    "batch norm, double": (nn.BatchNorm2d(3).double(), real(1, 3, 4, 4, dtype=F64)),
    "layer norm, mixed": (nn.LayerNorm(8), real(2, 8, dtype=BF16)),
    "layer norm without weights": (nn.LayerNorm(8, elementwise_affine=False), real(2, 8, dtype=F64)),
    "group norm, mixed": (nn.GroupNorm(2, 4), real(2, 4, 3, 3, dtype=BF16)),
    "softmax of a scalar": (nn.Softmax(-1), real()),
    "softmax in half precision": (nn.Softmax(0), real(2, 3, dtype=F16)),
    "relu of integers": (nn.ReLU(), real(2, 3, dtype=I64)),
    "resampling of bytes": (nn.Upsample(scale_factor=2), real(1, 3, 4, 4, dtype=U8)),
    "variance of complex numbers": (calls(lambda x: x.var()), real(2, 3, dtype=C64)),
    "distances": (calls(torch.cdist), real(2, 3), real(4, 3)),
    "an integer into fractions": (calls(lambda x: x.mul_(2)), real(2, 3)),
    "an integer into integers": (calls(lambda x: x.mul_(2)), real(2, 3, dtype=I64)),
    "integers into fractions": (calls(lambda x, y: x.add_(y)), real(2, 3), real(2, 3, dtype=I64)),
    "fractions into half precision": (calls(lambda x, y: x.add_(y)), real(2, 3, dtype=F16), real(2, 3)),
    "a whole quotient": (calls(lambda x: x.div_(2, rounding_mode="floor")), real(2, 3, dtype=I64)),
    "negative power": (calls(lambda x: x**-1), real(2, 3)),
    "power of two": (calls(lambda x: 2**x), real(2, 3, dtype=I64)),
    "bits": (calls(lambda x, y: (x & 1) | ~y), real(2, 3, dtype=I64), real(2, 3, dtype=I32)),
    "booleans": (calls(lambda x: (x > 0) & (x < 1) | (x == 2)), real(2, 3)),
    "classes": (nn.CrossEntropyLoss(), real(2, 3), real(2, dtype=I64)),
    "probabilities": (nn.CrossEntropyLoss(), real(2, 3), real(2, 3)),
    "index": (calls(lambda x, i: x.index_select(0, i)), real(2, 3), real(2, dtype=I32)),
    "put at an index": (calls(lambda x, y: x.index_put((torch.arange(2),), y)), real(2, 3), real(2, 3)),
    "filled at an index": (calls(lambda x, i: x.index_fill(1, i, 0.0)), real(2, 3), real(1, dtype=I64)),
    "largest": (calls(lambda x: x.max(1).values), real(2, 3)),
    "largest of no rows": (calls(lambda x: x[:0].max(1).values), real(2, 3)),
    "largest of a scalar": (calls(lambda x: x.max(0).values), real()),
    "largest of two": (calls(torch.max), real(0, 3), real(0, 3)),
    "fourier": (calls(torch.fft.fft), real(2, 8)),
    "fourier of integers": (calls(torch.fft.rfft), real(2, 8, dtype=I64)),
    "one of integers": (calls(lambda x: F.one_hot(x, 8)), real(2, 3, dtype=I64)),
    "boundaries": (calls(torch.bucketize), real(2, 3), real(3)),
    "searched row by row": (calls(torch.searchsorted), real(2, 3), real(2, 4)),
    "cholesky": (calls(torch.linalg.cholesky), torch.eye(3)),
    "largest integers of a pool": (calls(lambda x: F.max_pool2d(x, 2)), real(1, 4, 4, dtype=I64)),
    "product of integers": (Product(), real(2, 2, dtype=I64), real(2, 2, dtype=I64)),
    "equal complex numbers": (calls(lambda x: x == 1), real(2, 3, dtype=C64)),
    "absolute integers": (calls(torch.abs), real(2, 3, dtype=I64)),
    "divisors": (calls(torch.gcd), real(2, 3, dtype=I64), real(2, 3, dtype=I64)),
}


def test_floats_are_quantized():
    assert analyze(calls(lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)), args=(real(2, 3),)).complete


def test_a_half_precision_fourier_transform_is_left_to_other_devices():
    with patch.object(fallbacks, "meant_device", lambda *_: torch.device("cuda")):
        assert analyze(calls(torch.fft.fft), args=(real(2, 8, dtype=F16),)).tracing.mode == "meta"


@pytest.mark.parametrize(("model", "args"), [(row[0], row[1:]) for row in RUNS.values()], ids=RUNS.keys())
def test_what_torch_runs_is_counted(model, args):
    with torch.no_grad():
        model(*copy.deepcopy(args))
    assert analyze(model, args=args).tracing.mode == "meta"


def test_attention_is_cast_under_autocast_before_it_is_judged():
    def forward(q, k):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return F.scaled_dot_product_attention(q, k, k)

    args = (Q, real(2, 2, 4, 8, dtype=BF16))
    assert analyze(calls(forward), args=args).total.macs == 2 * 2 * 2 * 4 * 4 * 8
