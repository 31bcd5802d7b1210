"""Convolutions of every dimension, under every name that a backend gives them."""

from math import prod

from analyzer.formulas.formula import Formula, first, given, per_mac, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

INPUTS = ("input", "self", "X", "qx")
WEIGHTS = ("weight", "W", "qw", "packed_weight", "W_prepack")


def convolution(op: Op) -> Cost:
    """macs = N · ∏out · ∏weight, weight (Cout, Cin/g, *k); transposed: N · ∏in · ∏weight, weight (Cin, Cout/g, *k)."""
    weight, out = first(op, *WEIGHTS), op.outputs[0]
    return Cost(_products(op, weight, out), _epilogue(op) * out.numel)


def convolution_relu(op: Op) -> Cost:
    """A convolution, then one FLOP per output for the activation."""
    return convolution(op) + Cost(other_flops=op.outputs[0].numel)


def time_batch_channel(op: Op) -> Cost:
    """macs = T_out · B · ∏weight, weight (k, Cin, Cout), output (T_out, B, Cout)."""
    weight, out = op.tensor("weight"), op.outputs[0]
    return Cost(out.shape[0] * out.shape[1] * weight.numel * per_mac(weight), out.numel)


def convolution_backward(op: Op) -> Cost:
    """macs = forward · (gradient of the input wanted + gradient of the weight wanted); other = ∏out for the bias."""
    weight, grad = op.tensor("weight"), op.tensor("grad_output")
    mask = op.arguments.get("output_mask", (True, True, True))
    of_input, of_weight, *of_bias = (bool(wanted) for wanted in mask) if isinstance(mask, tuple) else (True, True)
    return Cost(_products(op, weight, grad) * (of_input + of_weight), grad.numel * sum(of_bias))


def _products(op: Op, weight: Tensor, out: Tensor) -> int:
    """∏weight for each image and position of the output, of a transposed convolution of the input.

    Either is (N, C, *space), or (C, *space) without a batch.
    """
    is_transposed = op.arguments.get("transposed") or "transpose" in op.packet
    slid = first(op, *INPUTS) if is_transposed else out
    channel = len(slid.shape) - len(weight.shape) + 1
    return prod(slid.shape[:channel] + slid.shape[channel + 1 :]) * weight.numel * per_mac(weight)


def _epilogue(op: Op) -> int:
    """FLOPs per output after the products: bias, a second tensor to add, an activation."""
    activation = any(op.arguments.get(name) not in (None, "none") for name in ("attr", "unary_attr"))
    return given(op, "bias", "B", "z", "other", "qaccum") + activation


CONTRACTIONS: dict[str, Formula] = {
    **table(
        convolution,
        "convolution convolution_overrideable _convolution _convolution_mode conv1d conv2d conv3d mkldnn_convolution "
        "cudnn_convolution miopen_convolution miopen_depthwise_convolution _mps_convolution "
        "_nnpack_spatial_convolution thnn_conv2d _slow_conv2d_forward slow_conv3d slow_conv3d_forward "
        "slow_conv_dilated2d slow_conv_dilated3d _conv_depthwise2d conv_depthwise3d conv_transpose1d conv_transpose2d "
        "conv_transpose3d cudnn_convolution_transpose miopen_convolution_transpose _mps_convolution_transpose "
        "slow_conv_transpose2d slow_conv_transpose3d",
    ),
    **table(
        convolution_relu,
        "cudnn_convolution_relu cudnn_convolution_add_relu miopen_convolution_relu miopen_convolution_add_relu",
    ),
    **table(convolution, "_convolution_pointwise _convolution_transpose_pointwise", "mkldnn"),
    **table(convolution, "conv2d_run", "mkldnn_prepacked"),
    "aten.conv_tbc": time_batch_channel,
    **table(
        convolution_backward,
        "convolution_backward convolution_backward_overrideable _slow_conv2d_backward mps_convolution_backward "
        "mps_convolution_transpose_backward",
    ),
}
