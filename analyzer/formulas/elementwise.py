"""Elementwise operators that torch does not tag: one FLOP per output, for every function."""

from analyzer.formulas.formula import Formula, merge, per_input, per_item, per_output, result_elements, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op

FOREACH = (
    "abs acos add addcdiv addcmul asin atan ceil clamp_max clamp_min cos cosh div erf erfc exp expm1 floor frac lerp "
    "lgamma log log10 log1p log2 maximum minimum mul neg pow reciprocal round rsqrt sigmoid sign sin sinh sqrt sub tan "
    "tanh trunc"
)


def dropout(op: Op) -> Cost:
    """other = ∏out in training, nothing else: drawing the random numbers is not arithmetic."""
    return Cost() if op.arguments.get("train") is False else Cost(other_flops=result_elements(op))


ONE_PER_OUTPUT = table(
    per_output(1),
    # Tagged pointwise in some of their overloads only.
    "__and__ __iand__ __or__ __ior__ __xor__ __ixor__ __lshift__ __rshift__ __ilshift__ __irshift__ add sub rsub "
    "mul div remainder bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift celu elu clip "
    "gelu hardshrink hardsigmoid hardtanh isinf isnan leaky_relu masked_fill mish relu softplus softshrink "
    "threshold true_divide where "
    "hardswish glu prelu _prelu_kernel rrelu_with_noise rrelu_with_noise_functional log_sigmoid "
    "log_sigmoid_forward floor_divide complex polar addr _add_relu isclose isreal cumulative_trapezoid outer ger "
    "kron _masked_scale "
    # Other names of the same functions.
    "absolute arccos arccosh arcsin arcsinh arctan arctan2 arctanh divide fix greater greater_equal less "
    "less_equal multiply negative not_equal subtract special_digamma special_erf special_erfc special_erfinv "
    "special_exp2 special_expit special_expm1 special_gammainc special_gammaincc special_gammaln special_i0 "
    "special_log1p special_logit special_multigammaln special_ndtr special_polygamma special_psi special_round "
    "special_sinc special_xlogy "
    # Tagged, except for their in-place variants.
    "abs copysign eq gcd ge gt heaviside lcm le lt ne relu6 rrelu xlogy "
    # Gradients.
    "elu_backward gelu_backward glu_backward glu_jvp glu_backward_jvp hardshrink_backward hardsigmoid_backward "
    "hardswish_backward hardtanh_backward infinitely_differentiable_gelu_backward leaky_relu_backward "
    "log_sigmoid_backward mish_backward native_dropout_backward _prelu_kernel_backward rrelu_with_noise_backward "
    "softplus_backward softshrink_backward threshold_backward _standard_gamma_grad _dirichlet_grad "
    "_fake_quantize_learnable_per_tensor_affine_backward _fake_quantize_learnable_per_channel_affine_backward "
    # To integers and back.
    "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize "
    "fake_quantize_per_tensor_affine fake_quantize_per_channel_affine fake_quantize_per_tensor_affine_cachemask "
    "fake_quantize_per_channel_affine_cachemask _fake_quantize_per_tensor_affine_cachemask_tensor_qparams "
    "_fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine",
)

OTHERS = merge(
    table(per_input(1), "equal allclose"),
    table(per_output(3), "cross linalg_cross"),
    table(per_item(1), " ".join(f"_foreach_{name}" for name in FOREACH.split())),
    table(per_item(1), "_foreach_max _amp_foreach_non_finite_check_and_unscale"),
    table(per_item(2), "_foreach_norm _foreach_powsum"),
    table(dropout, "dropout native_dropout feature_dropout alpha_dropout feature_alpha_dropout _fused_dropout"),
    # Bias and scale of queries, keys and values before a fused attention.
    table(per_input(2), "_transform_bias_rescale_qkv"),
    # Minimum, maximum, then quantize.
    table(
        per_input(3),
        "fused_moving_avg_obs_fake_quant _fused_moving_avg_obs_fq_helper _fused_moving_avg_obs_fq_helper_functional",
    ),
    table(per_input(2), "_choose_qparams_per_tensor choose_qparams_optimized"),
)

PRIMS = table(
    per_output(1),
    "acos acosh add asin asinh atan atan2 atanh bessel_i0 bessel_i0e bessel_i1 bessel_i1e bessel_j0 bessel_j1 "
    "bitwise_and bitwise_or bitwise_xor cbrt ceil cos cosh div eq erf erf_inv erfc erfcx exp expm1 floor fmod frexp "
    "gcd ge gt isfinite le lgamma log log10 log1p lt maximum_value minimum_value mul ndtri ne neg pow remainder round "
    "shift_left shift_right_arithmetic sin sinh spherical_bessel_j0 sqrt sub tan tanh where zeta",
    "prims",
)

BOUNDED: dict[str, Formula] = merge(ONE_PER_OUTPUT, OTHERS, PRIMS)
