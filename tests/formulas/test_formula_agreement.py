"""MACs are half the FLOPs of torch.utils.flop_counter, on random shapes, where it has a formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from analyzer.formulas import cost_of
from analyzer.values.graph import Op, Tensor, tensors_of

aten = torch.ops.aten
SIZES = st.integers(1, 6)


def described(value):
    if isinstance(value, torch.Tensor):
        return Tensor(tuple(value.shape), str(value.dtype).removeprefix("torch."), value.element_size())
    if isinstance(value, list | tuple):
        return tuple(described(item) for item in value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


class Priced(TorchDispatchMode):
    """Adds up the MACs of every operator that passes, in arguments named by its schema."""

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given_arguments = args + (None,) * len(func._schema.arguments)
        arguments = {
            argument.name: (kwargs or {}).get(argument.name, value if index < len(args) else argument.default_value)
            for index, (argument, value) in enumerate(zip(func._schema.arguments, given_arguments, strict=False))
        }
        outputs = tuple(tensors_of(described(out)))
        cost = cost_of(Op(str(func), {name: described(value) for name, value in arguments.items()}, outputs))
        self.macs += cost.macs if cost is not None else 0
        return out


def macs_of_both(run):
    with FlopCounterMode(display=False) as flops:
        run()
    with Priced() as ours:
        run()
    return ours.macs, flops.get_total_flops() / 2


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, device="meta", dtype=dtype)


@settings(max_examples=25, deadline=None)
@given(
    dimensions=st.integers(1, 3),
    batch=SIZES,
    groups=st.integers(1, 3),
    widths=st.tuples(SIZES, SIZES),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    transposed=st.booleans(),
)
def test_convolutions(dimensions, batch, groups, widths, kernel, stride, transposed):
    cin, cout = (groups * width for width in widths)
    weight = (cin, widths[1]) if transposed else (cout, widths[0])
    x, w = empty(batch, cin, *(7,) * dimensions), empty(*weight, *(kernel,) * dimensions)
    each, none = [1] * dimensions, [0] * dimensions

    def run():
        aten.convolution(x, w, None, [stride] * dimensions, none, each, transposed, none, groups)

    ours, theirs = macs_of_both(run)
    assert ours == theirs > 0


@settings(max_examples=25, deadline=None)
@given(b=SIZES, m=SIZES, k=SIZES, n=SIZES)
def test_products(b, m, k, n):
    def run():
        aten.mm(empty(m, k), empty(k, n))
        aten.addmm(empty(n), empty(m, k), empty(k, n))
        aten.bmm(empty(b, m, k), empty(b, k, n))
        aten.baddbmm(empty(n), empty(b, m, k), empty(b, k, n))

    ours, theirs = macs_of_both(run)
    assert ours == theirs == 2 * m * k * n * (1 + b)


@settings(max_examples=15, deadline=None)
@given(b=SIZES, h=SIZES, queries=SIZES, keys=SIZES, e=st.integers(1, 4))
def test_attention(b, h, queries, keys, e):
    query, key = empty(b, h, queries, 8 * e), empty(b, h, keys, 8 * e)

    def run():
        aten._scaled_dot_product_flash_attention(query, key, key)
        aten._scaled_dot_product_efficient_attention(query, key, key, None, False)

    ours, theirs = macs_of_both(run)
    assert ours == theirs > 0


@pytest.mark.parametrize("wanted", [[True, True], [True, False], [False, True]])
@pytest.mark.parametrize("transposed", [False, True])
def test_backward_of_convolution(wanted, transposed):
    x, weight = empty(2, 4, 9, 9), empty(4, 6, 3, 3) if transposed else empty(6, 4, 3, 3)
    grad = empty(2, 6, 11, 11) if transposed else empty(2, 6, 7, 7)

    def run():
        options = ([1, 1], [0, 0], [1, 1], transposed, [0, 0], 1, [*wanted, False])
        aten.convolution_backward(grad, x, weight, None, *options)

    ours, theirs = macs_of_both(run)
    assert ours == theirs > 0


def test_backward_of_attention():
    query, key = empty(2, 3, 5, 8, dtype=torch.float16), empty(2, 3, 7, 8, dtype=torch.float16)

    def run():
        out = aten._scaled_dot_product_efficient_attention(query, key, key, None, True)
        aten._scaled_dot_product_efficient_attention_backward(
            query, query, key, key, None, out[0], out[1], out[2], out[3], 0.0, [True, True, True, False]
        )

    ours, theirs = macs_of_both(run)
    assert ours == theirs > 0
