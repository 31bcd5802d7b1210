"""Quantized operators: the multiply-accumulates of their float counterparts, and one FLOP per output to rescale."""

from analyzer.formulas.convolutions import convolution
from analyzer.formulas.formula import Formula, free, given, merge, per_input, per_output, table
from analyzer.formulas.matmul import multiply
from analyzer.formulas.normalization import SOFTMAX, folded, norm
from analyzer.values.counts import Cost
from analyzer.values.graph import Op


def rescaled(op: Op) -> Cost:
    """A convolution, transposed or not; other = ∏out to rescale, and what is fused behind it."""
    return convolution(op) + Cost(other_flops=op.outputs[0].numel * (1 + _fused(op)))


def linear(op: Op) -> Cost:
    """macs = ∏out · in, input (…, in), for every packing; other = ∏out to rescale, and what is fused behind it."""
    x, out = op.inputs[0], op.outputs[0]
    addends = given(op, "bias", "B", "other")
    return Cost(out.numel * x.shape[-1], out.numel * (1 + addends + _fused(op)))


def embedding_bag(op: Op) -> Cost:
    """other = ∏indices · D · 3: multiply and add to dequantize, add to the bag."""
    return Cost(other_flops=op.tensor("indices").numel * op.outputs[0].shape[-1] * 3)


def _fused(op: Op) -> int:
    """Activation or addition that the operator's name says, or its own `post_op_name`."""
    name = op.packet.rpartition(".")[2]
    by_name = sum(suffix in name for suffix in ("_add", "_relu", "_tanh"))
    return by_name + (op.arguments.get("post_op_name", "none") not in ("none", ""))


CONTRACTIONS: dict[str, Formula] = merge(
    table(
        rescaled,
        "conv1d conv1d_relu conv2d conv2d_relu conv2d_add conv2d_add_relu conv3d conv3d_relu conv1d_dynamic "
        "conv2d_dynamic conv3d_dynamic conv_transpose1d conv_transpose2d conv_transpose3d conv_transpose1d_dynamic "
        "conv_transpose2d_dynamic conv_transpose3d_dynamic",
        "quantized",
    ),
    table(rescaled, "conv2d conv2d_relu conv3d conv3d_relu conv_transpose1d conv_transpose2d", "_quantized"),
    table(rescaled, "qconv_pointwise qconv1d_pointwise qconv2d_pointwise qconv3d_pointwise", "onednn"),
    table(
        linear,
        "linear linear_relu linear_leaky_relu linear_tanh linear_dynamic linear_relu_dynamic linear_dynamic_fp16 "
        "linear_relu_dynamic_fp16 linear_dynamic_fp16_unpacked_weight int4mm_packed_weight_cpu "
        "linear_with_input_q_dq_qweight_dq_output_fp32 linear_with_input_q_dq_qweight_dq_relu_output_fp32",
        "quantized",
    ),
    table(
        linear,
        "linear linear_dynamic wrapped_fbgemm_linear_fp16_weight wrapped_quantized_linear "
        "_wrapped_quantized_linear_prepacked",
        "_quantized",
    ),
    table(linear, "qlinear_pointwise linear_dynamic_fp16 linear_relu_dynamic_fp16", "onednn"),
    table(
        linear,
        "fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight "
        "fbgemm_linear_int8_weight_fp32_activation _wrapped_quantized_linear_prepacked",
    ),
    {"quantized.matmul": multiply("qa", "qb", 1)},
)

_SUMS = "add add_relu add_scalar add_scalar_relu mul mul_relu mul_scalar mul_scalar_relu"

BOUNDED: dict[str, Formula] = merge(
    table(per_output(1), " ".join(f"{name} {name}_out" for name in _SUMS.split()), "quantized"),
    table(per_output(1), "celu clamp elu hardswish leaky_relu prelu relu6 sigmoid threshold", "quantized"),
    table(per_output(1), "cat_relu cat_relu_out", "quantized"),
    table(per_output(1), "add", "_quantized"),
    table(per_output(1), "qadd qadd_relu qmul", "onednn"),
    table(
        folded,
        "batch_norm batch_norm_relu batch_norm1d batch_norm1d_relu batch_norm2d batch_norm2d_relu batch_norm3d "
        "batch_norm3d_relu",
        "quantized",
    ),
    table(folded, "qbatch_norm2d", "onednn"),
    table(norm, "layer_norm group_norm instance_norm", "quantized"),
    table(per_input(SOFTMAX), "softmax", "quantized"),
    table(per_output(2), "embedding_byte embedding_4bit", "quantized"),
    table(
        embedding_bag,
        "embedding_bag_byte embedding_bag_4bit embedding_bag_byte_rowwise_offsets embedding_bag_4bit_rowwise_offsets "
        "embedding_bag_2bit_rowwise_offsets",
        "quantized",
    ),
    table(per_input(1), "_Bfloat16QuantizedToFloat _FloatToBfloat16Quantized", "quantization"),
)

_GETTERS = "unpack stride padding output_padding dilation groups transpose"

FREE: dict[str, Formula] = merge(
    table(free, "cat cat_out dropout conv2d_unpack_sizes conv_prepack conv_unpack", "quantized"),
    table(free, "conv1d_prepack conv1d_unpack conv_transpose1d_prepack conv_transpose1d_unpack", "quantized"),
    *(
        table(free, " ".join(f"{stem}_{getter}" for getter in ("prepack " + _GETTERS).split()), "quantized")
        for stem in ("conv2d", "conv3d", "conv_transpose2d", "conv_transpose3d")
    ),
    table(
        free,
        "linear_prepack linear_prepack_fp16 linear_prepack_legacy linear_prepack_fp16_legacy linear_unpack "
        "linear_unpack_fp16 make_quantized_cell_params make_quantized_cell_params_dynamic "
        "make_quantized_cell_params_fp16 embedding_bag_prepack embedding_bag_unpack embedding_bag_byte_prepack "
        "embedding_bag_byte_unpack embedding_bag_4bit_prepack embedding_bag_4bit_unpack embedding_bag_2bit_prepack "
        "embedding_bag_2bit_unpack embedding_bag_byte_prepack_with_rowwise_min_max "
        "embedding_bag_4bit_prepack_with_rowwise_min_max embedding_bag_2bit_prepack_with_rowwise_min_max",
        "quantized",
    ),
    table(
        free,
        "conv2d_prepack conv3d_prepack conv_transpose1d_prepack conv_transpose2d_prepack conv_transpose3d_prepack "
        "linear_prepack linear_prepack_fp16 linear_prepack_legacy linear_prepack_fp16_legacy _wrapped_linear_prepack "
        "wrapped_fbgemm_pack_gemm_matrix_fp16",
        "_quantized",
    ),
    table(free, "linear_prepack_fp16 qconv_prepack qlinear_prepack", "onednn"),
    table(free, "qlinear_prepack qlinear_unpack", "sparse"),
)
