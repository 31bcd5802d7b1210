"""What torch refuses on real tensors and lets pass on meta ones: nothing is counted that cannot run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from analyzer.loading.loaded_model import dtype_name
from analyzer.tracing.dtype_refusals import (
    refuse_all_but_float,
    refuse_boolean,
    refuse_boundaries,
    refuse_classes,
    refuse_complex,
    refuse_filling,
    refuse_fractions,
    refuse_half,
    refuse_index,
    refuse_mixed,
    refuse_negative_power,
    refuse_norm,
    refuse_nothing,
    refuse_quotient,
    refuse_resampling,
    refuse_result,
    refuse_softmax,
    refuse_source,
    refuse_whole_numbers,
)
from analyzer.tracing.kernel_probe import refuse_data_types

aten = torch.ops.aten


def refuse(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], on_cpu: bool = True) -> None:
    """RuntimeError, in torch's words, for what a device with values would not carry out."""
    refusal = REFUSALS.get(func)
    if refusal is not None:
        refusal(*args, **kwargs)
    if on_cpu:
        refuse_data_types(func, args, kwargs)
        if func in FOURIER:
            refuse_half(*args)


def _refuse_convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> None:
    """(N, C_in, …) with a weight (C_out, C_in / groups, …), or (C_in, C_out / groups, …) where it is transposed."""
    if min(padding) < 0 or min(output_padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(stride) < 1 or min(dilation) < 1:
        raise RuntimeError(f"stride and dilation should be greater than zero, but got {stride} and {dilation}")
    if weight.shape[0] % groups:
        shape = list(weight.shape)
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by it at dimension 0, not {shape}")
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    shapes = f"Given transposed={int(transposed)}, weight of size {list(weight.shape)}, expected"
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(f"{shapes} bias with {outputs} elements, but got bias of size {list(bias.shape)}")
    refuse_mixed(x, weight)
    if transposed:
        _refuse_transposed(x, weight, shapes, max(*stride, *dilation), max(output_padding))


def _refuse_transposed(x: Any, weight: Any, shapes: str, largest: int, output_padding: int) -> None:
    if x.shape[1] != weight.shape[0]:
        channels = f"to have {weight.shape[0]} channels, but got {x.shape[1]} channels instead"
        raise RuntimeError(f"{shapes} input{list(x.shape)} {channels}")
    if output_padding >= largest:
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {output_padding}")


def _refuse_attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    dropout: float = 0.0,
    causal: bool = False,
    *,
    enable_gqa: bool = False,
    **_: Any,
) -> None:
    """(…, Hq, L, E) × (…, Hkv, S, E) × (…, Hkv, S, Ev), of one dtype; heads divide where they are grouped."""
    dtypes = [tensor.dtype for tensor in (query, key, value)]
    if len(set(dtypes)) > 1:
        names = ", ".join(map(dtype_name, dtypes))
        raise RuntimeError(f"Expected query, key, and value to have the same dtype, but got {names}")
    if not (query.is_floating_point() or query.is_complex()):
        raise RuntimeError(f"expected query of a floating dtype, but got {dtype_name(query.dtype)}")
    if not 0 <= dropout <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout}")
    if enable_gqa and any(query.shape[-3] % tensor.shape[-3] for tensor in (key, value)):
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    if mask is not None:
        leading = query.shape[:-2] if enable_gqa else torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        _refuse_mask(query, mask, (*leading, query.shape[-2], key.shape[-2]), causal)


def _refuse_mask(query: Any, mask: Any, scores: tuple[int, ...], causal: bool) -> None:
    """A mask is booleans, or what is added to scores (…, H, L, S), and is broadcast to them."""
    if causal:
        raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
    if mask.dtype not in (torch.bool, torch.float32, query.dtype):
        kinds = f"attn_mask.dtype: {dtype_name(mask.dtype)} and query.dtype: {dtype_name(query.dtype)}"
        raise RuntimeError(f"Expected attn_mask dtype to be bool or float or to match query dtype, but got {kinds}")
    ends = zip(reversed(mask.shape), reversed(scores), strict=False)
    if not 2 <= mask.dim() <= len(scores) or any(size not in (1, whole) for size, whole in ends):
        raise RuntimeError(f"attn_mask of size {list(mask.shape)} cannot be broadcast to scores of {list(scores)}")


def _refuse_states(data: Any, *args: Any) -> None:
    """A recurrent layer's initial states have the dtype of its input, and there is at least one step.

    (T, N, C), or (N, T, C) where the last argument says so; of packed sequences (steps of all, C).
    """
    states = next(value for value in args if isinstance(value, list | tuple) or value.dtype.is_floating_point)
    states = states if isinstance(states, list | tuple) else (states,)
    if data.shape[1 if data.dim() == 3 and args[-1] else 0] == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    for state in states:
        if state.dtype is not data.dtype:
            raise RuntimeError(f"expected hidden states of {dtype_name(data.dtype)}, but got {dtype_name(state.dtype)}")


def _overloads(names: str) -> list[Any]:
    """Every overload of these operators but those that are told where the result goes, or of which dtype."""
    packets = [getattr(aten, name) for name in names.split()]
    kinds = [(packet, kind) for packet in packets for kind in packet.overloads()]
    return [getattr(packet, kind) for packet, kind in kinds if "out" not in kind and "dtype" not in kind]


FOURIER = frozenset({aten._fft_r2c.default, aten._fft_c2c.default, aten._fft_c2r.default})
PAIRS = "mm bmm mv dot vdot addmm baddbmm addbmm addmv grid_sampler_2d grid_sampler_3d _cdist_forward _euclidean_dist"
FLOATING = "gelu silu silu_ mish mish_ hardswish hardswish_ _adaptive_avg_pool2d _adaptive_avg_pool3d var std var_mean"
BATCH_NORMS = "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training"
NEAREST = "upsample_nearest1d upsample_nearest2d upsample_nearest3d"
EXACT = "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"
LINEAR = "upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d"
BITS = "bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_and_ bitwise_or_ bitwise_xor_ bitwise_not_"
FACTORIZATIONS = "linalg_cholesky_ex linalg_qr linalg_lu_factor_ex _linalg_svd _linalg_eigh"
SOLUTIONS = "linalg_inv_ex _linalg_det _linalg_solve_ex"
RULES: Mapping[Callable[..., None], str] = {
    refuse_mixed: PAIRS + " binary_cross_entropy heaviside polar complex",
    _refuse_convolution: "convolution",
    _refuse_attention: "scaled_dot_product_attention",
    _refuse_states: "lstm gru rnn_tanh rnn_relu",
    refuse_norm: BATCH_NORMS + " native_layer_norm native_group_norm",
    refuse_whole_numbers: FLOATING,
    refuse_softmax: "_softmax _log_softmax",
    refuse_resampling: f"{NEAREST} {EXACT} {LINEAR}",
    refuse_fractions: BITS + " gcd gcd_ lcm lcm_ one_hot",
    refuse_half: f"{FACTORIZATIONS} {SOLUTIONS}",
    refuse_result: "add_ sub_ mul_",
    refuse_quotient: "div_",
    refuse_negative_power: "pow pow_",
    refuse_classes: "nll_loss_forward nll_loss2d_forward",
    refuse_index: "index_select index_add index_add_ index_copy index_copy_",
    refuse_source: "index_put index_put_",
    refuse_nothing: "max min median nanmedian mode",
    refuse_filling: "index_fill index_fill_",
    refuse_boundaries: "bucketize",
    refuse_all_but_float: "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic",
    refuse_boolean: "relu relu_",
    refuse_complex: "clamp clamp_ sort topk",
}
REFUSALS: Mapping[Any, Callable[..., None]] = {
    overload: rule for rule, names in RULES.items() for overload in _overloads(names)
}
