"""Attention and recurrent layers are kept whole: one operator each on every device, whatever a backend makes of it."""

from __future__ import annotations

from typing import Any

import torch

aten = torch.ops.aten
WHOLE = frozenset(
    {
        aten.scaled_dot_product_attention.default,
        *(
            getattr(getattr(aten, name), kind)
            for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")
            for kind in ("input", "data")
        ),
    }
)
"""Composite operators that are recorded as they are called; most others are taken apart first."""
CONVOLUTIONS = frozenset(
    getattr(getattr(aten, f"conv{n}d"), kind) for n in (1, 2, 3) for kind in ("default", "padding")
) | {aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input}
RESAMPLING = frozenset(
    getattr(aten, name).vec
    for name in (
        *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d", "upsample_bilinear2d"),
        *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"),
        *("upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
    )
)
"""Taken apart, these would be gathers and index arithmetic that no longer say what they do."""


def stays_whole(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether a composite operator is recorded as it is; a complex convolution is, else it would be three real ones."""
    return func in WHOLE or func in RESAMPLING or (func in CONVOLUTIONS and args[0].is_complex())


def attention(
    query: Any, key: Any, value: Any, mask: Any = None, dropout: float = 0.0, causal: bool = False, **options: Any
) -> torch.Tensor | None:
    """(B, Hq, L, E) × (B, Hkv, S, E) × (B, Hkv, S, Ev) -> (B, Hq, L, Ev); laid out as the query where widths agree."""
    plain = query.dim() == key.dim() == value.dim() == 4 and query.shape[0] == key.shape[0] == value.shape[0]
    if not plain or query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        return None
    heads = {query.shape[1], key.shape[1], value.shape[1]}
    if len(heads) > 1 and not options.get("enable_gqa"):
        return None
    if value.shape[-1] == query.shape[-1]:
        return torch.empty_like(query)
    return query.new_empty((*query.shape[:-1], value.shape[-1]))  # type: ignore[no-any-return]


def recurrent(
    data: Any,
    hx: Any,
    params: Any,
    biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    *_: Any,
) -> tuple[torch.Tensor, ...]:
    """(T, N, I) -> (T, N, directions × H), then final states shaped as the initial ones."""
    states = tuple(hx) if isinstance(hx, list | tuple) else (hx,)
    width = states[0].shape[-1] * (2 if bidirectional else 1)
    return data.new_empty((*data.shape[:-1], width)), *(torch.empty_like(state) for state in states)


def packed_recurrent(data: Any, batch_sizes: Any, *rest: Any) -> tuple[torch.Tensor, ...]:
    """(steps of all sequences, I) -> (steps, directions × H), then final states shaped as the initial ones."""
    return recurrent(data, *rest)


SHAPES = {
    operator: attention
    if operator is aten.scaled_dot_product_attention.default
    else (packed_recurrent if operator._overloadname == "data" else recurrent)
    for operator in WHOLE
}
"""What they return on meta tensors."""
