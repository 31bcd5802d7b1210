"""Attention: the fused products of scores and values, and whole attention layers in one operator.

Causal and windowed attention is counted dense. Scale, mask, softmax and dropout are other FLOPs per score,
the same under every backend's name.
"""

from math import prod
from typing import cast

from analyzer.formulas.formula import Formula, first, given, per_mac, size, table
from analyzer.formulas.normalization import NORM, SOFTMAX
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor


def attention(op: Op) -> Cost:
    """macs = B · H · Lq · Lk · (E + Ev), query (B, H, Lq, E), value (B, Hkv, Lk, Ev), H the query's heads."""
    query, key, value = _operands(op)
    scores = prod(op.outputs[0].shape[:-1]) * key.shape[-2]
    return _scored(op, scores, query, value)


def attention_backward(op: Op) -> Cost:
    """macs = scores · (3 E + 2 Ev): scores again, then four gradients; other = twice the forward's."""
    query, key, value = _operands(op)
    scores = prod(query.shape[:-1]) * key.shape[-2]
    return _backward(op, scores, query, value)


def sequence_first(op: Op) -> Cost | None:
    """As `attention`, query (B, Lq, H, E); packed (ΣLq, H, E): every sequence counted as long as the longest."""
    query, key, value = _operands(op)
    keys = _keys(op, key)
    return None if keys is None else _scored(op, prod(query.shape[:-1]) * keys, query, value)


def sequence_first_backward(op: Op) -> Cost | None:
    """As `attention_backward`, query (B, Lq, H, E) or packed (ΣLq, H, E)."""
    query, key, value = _operands(op)
    keys = _keys(op, key)
    return None if keys is None else _backward(op, prod(query.shape[:-1]) * keys, query, value)


def heads_first_or_packed(op: Op) -> Cost | None:
    """As `attention`, query (B, H, Lq, E) or packed (ΣLq, H, E)."""
    return sequence_first(op) if _is_packed(op) else attention(op)


def multi_head_attention(op: Op) -> Cost:
    """macs = B · (Lq · D² + 2 · Lk · D² + Lq · D²) + 2 · B · Lq · Lk · D: projections, scores and values."""
    return _layer(op, op.tensor("query"), op.tensor("key"))


def encoder_layer(op: Op) -> Cost:
    """macs = those of self-attention + B · L · (∏ffn_weight_1 + ∏ffn_weight_2); other: norms, residuals, activation."""
    source = op.tensor("src")
    hidden = op.tensor("ffn_weight_1").shape[0]
    tokens = prod(source.shape[:-1])
    macs = tokens * (op.tensor("ffn_weight_1").numel + op.tensor("ffn_weight_2").numel)
    # Two norms and two residual additions on every element, a bias and an activation on every hidden one, a bias after.
    other = source.numel * (2 * NORM + 2 + 1) + tokens * hidden * 2
    return _layer(op, source, source) + Cost(macs, other)


def _layer(op: Op, query: Tensor, key: Tensor) -> Cost:
    width, heads = query.shape[-1], size(op, "num_head" if "num_head" in op.arguments else "num_heads")
    rows, keys = prod(query.shape[:-1]), prod(key.shape[:-1])
    pairs = rows * key.shape[-2]
    projections = (2 * rows + 2 * keys) * width * width
    return Cost(projections + 2 * pairs * width, (2 * rows + 2 * keys) * width + pairs * heads * _per_score(op))


def _operands(op: Op) -> tuple[Tensor, Tensor, Tensor]:
    return first(op, "query", "q", "0"), first(op, "key", "k", "1"), first(op, "value", "v", "2")


def _scored(op: Op, scores: int, query: Tensor, value: Tensor) -> Cost:
    return Cost(scores * (query.shape[-1] + value.shape[-1]) * per_mac(query), scores * _per_score(op))


def _backward(op: Op, scores: int, query: Tensor, value: Tensor) -> Cost:
    return Cost(scores * (3 * query.shape[-1] + 2 * value.shape[-1]), 2 * scores * _per_score(op))


def _per_score(op: Op) -> int:
    """Scale and softmax, one for a mask and one for dropout."""
    return 1 + SOFTMAX + given(op, "attn_mask", "attn_bias", "bias", "mask") + bool(op.arguments.get("dropout_p"))


def _is_packed(op: Op) -> bool:
    return bool(given(op, "cum_seq_q", "cu_seqlens_q", "block_table"))


def _keys(op: Op, key: Tensor) -> int | None:
    """Lk; of packed sequences the longest one's."""
    longest = op.arguments.get("max_k", op.arguments.get("max_seqlen_k"))
    return cast(int | None, longest) if _is_packed(op) else key.shape[-3]


CONTRACTIONS: dict[str, Formula] = {
    **table(
        attention,
        "scaled_dot_product_attention _scaled_dot_product_attention_math _scaled_dot_product_attention_math_for_mps "
        "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
        "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention "
        "_scaled_dot_product_fused_attention_overrideable _triton_scaled_dot_attention",
    ),
    **table(
        attention_backward,
        "_scaled_dot_product_flash_attention_backward _scaled_dot_product_flash_attention_for_cpu_backward "
        "_scaled_dot_product_efficient_attention_backward _scaled_dot_product_cudnn_attention_backward "
        "_scaled_dot_product_fused_attention_overrideable_backward _cudnn_attention_backward",
    ),
    **table(
        sequence_first,
        "_flash_attention_forward _flash_attention_forward_no_dropout_inplace _efficient_attention_forward",
    ),
    **table(sequence_first_backward, "_flash_attention_backward _efficient_attention_backward"),
    # Dense, for every block mask; the function that modifies a score is not counted.
    "higher_order.flex_attention": attention,
    "aten._cudnn_attention_forward": heads_first_or_packed,
    **table(multi_head_attention, "_native_multi_head_attention _triton_multi_head_attention"),
    "aten._transformer_encoder_layer_fwd": encoder_layer,
}
