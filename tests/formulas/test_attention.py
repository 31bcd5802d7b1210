import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formulas import cost_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

B, H, LQ, LK, E, EV = 2, 6, 5, 7, 4, 3
SCORES = B * H * LQ * LK
MACS = SCORES * (E + EV)
HEADS_FIRST = {"query": Tensor((B, H, LQ, E)), "key": Tensor((B, H, LK, E)), "value": Tensor((B, H, LK, EV))}
SEQUENCE_FIRST = {"query": Tensor((B, LQ, H, E)), "key": Tensor((B, LK, H, E)), "value": Tensor((B, LK, H, EV))}
OUT = Tensor((B, H, LQ, EV))


@pytest.mark.parametrize(
    ("extra", "per_score"),
    [
        ({}, 6),
        ({"is_causal": True}, 6),  # dense
        ({"attn_mask": Tensor((LQ, LK), "bool", 1)}, 7),
        ({"dropout_p": 0.1}, 7),
        ({"dropout_p": 0.0, "attn_mask": None}, 6),
    ],
)
def test_scores_and_values(price, extra, per_score):
    cost = price("aten.scaled_dot_product_attention", HEADS_FIRST | extra, OUT)
    assert cost == Cost(MACS, per_score * SCORES)


@pytest.mark.parametrize(
    "packet",
    [
        "aten._scaled_dot_product_attention_math",
        "aten._scaled_dot_product_flash_attention",
        "aten._scaled_dot_product_flash_attention_for_cpu",
        "aten._scaled_dot_product_efficient_attention",
        "aten._scaled_dot_product_cudnn_attention",
        "aten._scaled_dot_product_fused_attention_overrideable",
        "aten._cudnn_attention_forward",
    ],
)
def test_every_backend_costs_the_same(price, packet):
    assert price(packet, HEADS_FIRST, OUT) == Cost(MACS, 6 * SCORES)


@pytest.mark.parametrize("packet", ["aten._flash_attention_forward", "aten._efficient_attention_forward"])
def test_kernels_with_the_sequence_first(price, packet):
    assert price(packet, SEQUENCE_FIRST, Tensor((B, LQ, H, EV))) == Cost(MACS, 6 * SCORES)


def test_a_packed_batch_counts_every_sequence_as_the_longest(price):
    packed = {"query": Tensor((11, H, E)), "key": Tensor((13, H, E)), "value": Tensor((13, H, EV)), "max_k": 8}
    cost = price("aten._flash_attention_forward", packed | {"cum_seq_q": Tensor((3,), "int32")}, Tensor((11, H, EV)))
    assert cost == Cost(11 * H * 8 * (E + EV), 6 * 11 * H * 8)


def test_a_packed_batch_of_unknown_length_has_no_count(price):
    packed = SEQUENCE_FIRST | {"cu_seqlens_q": Tensor((3,), "int32"), "max_seqlen_k": None}
    assert price("aten._efficient_attention_forward", packed, OUT) is None


def test_grouped_queries_count_the_heads_of_the_query(price):
    shared = HEADS_FIRST | {"key": Tensor((B, 2, LK, E)), "value": Tensor((B, 2, LK, EV)), "enable_gqa": True}
    assert price("aten.scaled_dot_product_attention", shared, OUT) == Cost(MACS, 6 * SCORES)


def test_a_key_shared_by_the_batch_is_used_for_all_of_it(price):
    shared = HEADS_FIRST | {"query": Tensor((1, H, LQ, E))}
    assert price("aten.scaled_dot_product_attention", shared, OUT) == Cost(MACS, 6 * SCORES)


def test_flexible_attention_is_counted_dense(price):
    positional = dict(zip("012", HEADS_FIRST.values(), strict=True))
    assert price("higher_order.flex_attention", positional, OUT) == Cost(MACS, 6 * SCORES)


def test_backward_computes_scores_again_and_four_gradients(price):
    cost = price("aten._scaled_dot_product_flash_attention_for_cpu_backward", HEADS_FIRST, OUT)
    assert cost == Cost(SCORES * (3 * E + 2 * EV), 2 * 6 * SCORES)


T, D, FFN = 197, 768, 3072
LAYER = {
    "qkv_weight": Tensor((3 * D, D)),
    "qkv_bias": Tensor((3 * D,)),
    "proj_weight": Tensor((D, D)),
    "proj_bias": Tensor((D,)),
    "mask": None,
}


@pytest.mark.parametrize("packet", ["aten._native_multi_head_attention", "aten._triton_multi_head_attention"])
def test_a_whole_attention_layer(price, packet):
    x = Tensor((1, T, D))
    cost = price(packet, {"query": x, "key": x, "value": x, "num_head": 12, **LAYER}, x)
    assert cost == Cost(4 * T * D * D + 2 * T * T * D, 4 * T * D + 6 * 12 * T * T)


def test_attention_to_another_sequence(price):
    x, memory = Tensor((1, T, D)), Tensor((1, 50, D))
    cost = price(
        "aten._native_multi_head_attention", {"query": x, "key": memory, "value": memory, "num_head": 12, **LAYER}, x
    )
    assert cost == Cost(2 * T * D * D + 2 * 50 * D * D + 2 * T * 50 * D, 2 * T * D + 2 * 50 * D + 6 * 12 * T * 50)


def test_a_whole_encoder_layer(price):
    x = Tensor((1, T, D))
    hidden = {"ffn_weight_1": Tensor((FFN, D)), "ffn_weight_2": Tensor((D, FFN))}
    cost = price("aten._transformer_encoder_layer_fwd", {"src": x, "num_heads": 12, **LAYER, **hidden}, x)
    norms, residuals, biases = 2 * 5 * T * D, 2 * T * D, T * FFN + T * D
    other = 4 * T * D + 6 * 12 * T * T + norms + residuals + biases + T * FFN
    assert cost == Cost(4 * T * D * D + 2 * T * T * D + 2 * T * D * FFN, other)


SIZES = st.integers(1, 9)


@given(batch=SIZES, heads=SIZES, queries=SIZES, keys=SIZES, width=SIZES)
def test_attention_is_its_two_products(batch, heads, queries, keys, width):
    query, key = Tensor((batch, heads, queries, width)), Tensor((batch, heads, keys, width))
    whole = cost_of(
        Op("aten.scaled_dot_product_attention.default", {"query": query, "key": key, "value": key}, (query,))
    )
    turned, scores = Tensor((batch, heads, width, keys)), Tensor((batch, heads, queries, keys))
    first = cost_of(Op("aten.matmul.default", {"self": query, "other": turned}, (scores,)))
    second = cost_of(Op("aten.matmul.default", {"self": scores, "other": key}, (query,)))
    assert whole.macs == first.macs + second.macs
