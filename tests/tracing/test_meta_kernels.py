"""Every shortcut gives what torch's own meta implementation gives: shape, strides, dtype; or it declines."""

from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_map

from analyzer.tracing.composites import SHAPES
from analyzer.tracing.meta_kernels import BINARY, COMPARISON, SHORTCUTS, UNARY

aten = torch.ops.aten


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def overload(name: str) -> Any:
    packet, _, kind = name.partition(".")
    return getattr(getattr(aten, packet), kind or "default")


X = meta(2, 6, 4, 4)
LAST = X.to(memory_format=torch.channels_last)
TURNED = X.transpose(1, 2)
HALF = meta(2, 6, 4, 4, dtype=torch.float16)
WHOLE = meta(2, 6, 4, 4, dtype=torch.int64)
C = meta(6)
OFFSETS = meta(3, dtype=torch.int32)

TAKEN: list[tuple[str, tuple[Any, ...]]] = [
    *((name, (x,)) for name in UNARY.split() for x in (X, LAST, TURNED, HALF)),
    *((name, (X, 2.0)) for name in BINARY.split()),
    *((name, (X, X)) for name in BINARY.split() if name.endswith("Tensor")),
    *((name, (X, meta(2, 6, 1, 1))) for name in BINARY.split() if name.endswith("Tensor")),
    *((name, (meta(4), X)) for name in BINARY.split() if name.endswith("Tensor")),
    *((name, (X, 1)) for name in COMPARISON.split()),
    ("relu_", (X,)),
    ("add_.Tensor", (X, X)),
    ("mul_.Tensor", (X, 2)),
    ("pow.Tensor_Scalar", (X, 2)),
    ("clamp", (X, 0, 1)),
    ("native_batch_norm", (X, C, C, C, C, True, 0.1, 1e-5)),
    ("native_layer_norm", (X, [4, 4], meta(4, 4), None, 1e-5)),
    ("native_group_norm", (X, C, C, 2, 6, 16, 3, 1e-5)),
    ("addmm", (meta(5), meta(3, 4), meta(4, 5))),
    ("mean.dim", (X, [-1, -2])),
    ("mean.dim", (X, [1], True)),
    ("cat", ([X, meta(2, 3, 4, 4)], 1)),
]
DECLINED: list[tuple[str, tuple[Any, ...]]] = [
    ("exp", (WHOLE,)),
    ("add.Tensor", (X, HALF)),
    ("add.Tensor", (X, TURNED)),
    ("add.Tensor", (X, meta(2, 5, 4, 4))),
    ("mul.Tensor", (WHOLE, 2)),
    ("native_batch_norm", (X, meta(5), meta(5), meta(5), meta(5), False, 0.1, 1e-5)),
    ("native_layer_norm", (X, [5], None, None, 1e-5)),
    ("addmm", (meta(5), meta(3, 4), meta(3, 5))),
    ("cat", ([X, meta(2, 3, 5, 4)], 1)),
    ("cat", ([X, HALF], 1)),
    ("cat", ([C, C], 1)),
    ("mean.dim", (LAST, [1])),
    ("mean.dim", (X, [])),
    ("mean.dim", (X, [4])),
    ("mean.dim", (C, [-2])),
    ("_grouped_mm", (meta(6, 16), meta(3, 12, 8), OFFSETS)),
    ("_grouped_mm", (meta(6, 16), meta(2, 16, 8), OFFSETS)),
    ("_grouped_mm", (meta(6, 16, dtype=torch.bfloat16), meta(3, 16, 8), OFFSETS)),
    ("_grouped_mm", (meta(3, 6, 16), meta(3, 16, 8))),
]


LIKE_REAL: list[tuple[str, tuple[Any, ...]]] = [
    ("native_batch_norm", (X, C, C, C, C, False, 0.1, 1e-5)),
    ("_native_batch_norm_legit_no_training", (LAST, C, C, C, C, 0.1, 1e-5)),
    ("_grouped_mm", (meta(6, 16), meta(3, 16, 8), OFFSETS)),
    ("_grouped_mm", (meta(16, 8), meta(8, 8), OFFSETS)),
]
"""Where torch's meta implementation makes statistics that the real one does not, or refuses float32."""


def layout(value: Any) -> list[Any]:
    return [(tuple(t.shape), t.stride(), t.dtype) if isinstance(t, torch.Tensor) else t for t in tree_flatten(value)[0]]


@pytest.mark.parametrize(("name", "args"), TAKEN)
def test_shortcuts_give_what_the_reference_gives(name: str, args: tuple[Any, ...]) -> None:
    operator = overload(name)
    result = SHORTCUTS[operator](*args)
    assert result is not None
    assert layout(result) == layout(operator(*args))


@pytest.mark.parametrize(("name", "args"), DECLINED)
def test_what_a_shortcut_cannot_tell_it_leaves_alone(name: str, args: tuple[Any, ...]) -> None:
    assert SHORTCUTS[overload(name)](*args) is None


@pytest.mark.parametrize(("name", "args"), LIKE_REAL)
def test_shortcuts_give_what_a_real_run_gives(name: str, args: tuple[Any, ...]) -> None:
    operator = overload(name)
    real = tree_map(lambda x: torch.empty_like(x, device="cpu").fill_(1) if isinstance(x, torch.Tensor) else x, args)
    assert layout(SHORTCUTS[operator](*args)) == layout(operator(*real))


def test_every_shortcut_is_tried() -> None:
    tried = {overload(name) for name, _ in TAKEN + LIKE_REAL} | set(SHAPES)
    inplace = {op for op in SHORTCUTS if op._schema.name.endswith("_")}
    assert set(SHORTCUTS) - tried <= inplace | {aten._native_batch_norm_legit.default}


def test_in_place_shortcuts_return_their_input() -> None:
    x = meta(2, 3)
    assert SHORTCUTS[aten.relu_.default](x) is x
    assert SHORTCUTS[aten.add_.Tensor](x, meta(2, 3)) is x


Q, K, V = meta(2, 8, 5, 16), meta(2, 2, 7, 16), meta(2, 2, 7, 24)


def test_attention_shape() -> None:
    operator = aten.scaled_dot_product_attention.default
    result = SHAPES[operator](Q, K, V, None, 0.0, False, enable_gqa=True)
    assert result.shape == operator(Q, K, V, enable_gqa=True).shape == (2, 8, 5, 24)
    assert SHAPES[operator](Q, K, V) is None  # 8 heads on 2 without grouped queries: let torch refuse


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (1, 0, 2, 3)])
def test_attention_is_laid_out_as_on_the_cpu(order: tuple[int, ...]) -> None:
    query = torch.randn(2, 3, 4, 8).permute(order)
    real = torch.nn.functional.scaled_dot_product_attention(query, query, query)
    mine = SHAPES[aten.scaled_dot_product_attention.default](*[query.to("meta")] * 3)
    assert layout(mine) == layout(real)


@pytest.mark.parametrize(("batch_first", "directions", "projected"), [(False, 1, 0), (True, 2, 0), (True, 2, 6)])
def test_recurrent_shapes(batch_first: bool, directions: int, projected: int) -> None:
    layer = torch.nn.LSTM(4, 8, 2, batch_first=batch_first, bidirectional=directions == 2, proj_size=projected).to(
        "meta"
    )
    x = meta(3, 5, 4)
    batch = 3 if batch_first else 5
    hx = [meta(2 * directions, batch, projected or 8), meta(2 * directions, batch, 8)]
    weights = layer._flat_weights
    result = SHAPES[aten.lstm.input](x, hx, weights, True, 2, 0.0, False, directions == 2, batch_first)
    assert [tuple(t.shape) for t in result] == [tuple(t.shape) for t in (lambda o: (o[0], *o[1]))(layer(x))]
