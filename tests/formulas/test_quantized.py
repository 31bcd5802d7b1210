import pytest

from analyzer.formulas import kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

X, WEIGHT, OUT = Tensor((2, 3, 8, 8), "quint8", 1), Tensor((4, 3, 3, 3), "qint8", 1), Tensor((2, 4, 6, 6), "quint8", 1)
MACS, OUTPUTS = 2 * 4 * 6 * 6 * 3 * 3 * 3, 2 * 4 * 6 * 6


@pytest.mark.parametrize(
    ("packet", "extra"),
    [
        ("quantized.conv2d", 1),
        ("quantized.conv2d_relu", 2),
        ("quantized.conv2d_add_relu", 3),
        ("quantized.conv2d_dynamic", 1),
        ("_quantized.conv2d_relu", 2),
    ],
)
def test_convolutions(price, packet, extra):
    assert price(packet, {"qx": X, "packed_weight": WEIGHT}, OUT) == Cost(MACS, extra * OUTPUTS)


def test_convolution_of_onednn_says_what_is_fused(price):
    arguments = {"qx": X, "qw": WEIGHT, "bias": Tensor((4,)), "attr": "relu"}
    assert price("onednn.qconv2d_pointwise", arguments, OUT) == Cost(MACS, 3 * OUTPUTS)


def test_transposed_convolution(price):
    arguments = {"qx": X, "packed_weight": Tensor((3, 4, 2, 2))}
    out = Tensor((2, 4, 16, 16))
    assert price("quantized.conv_transpose2d", arguments, out) == Cost(2 * 8 * 8 * 3 * 4 * 2 * 2, 2 * 4 * 16 * 16)


@pytest.mark.parametrize(
    ("packet", "arguments", "extra"),
    [
        ("quantized.linear", {}, 1),
        ("quantized.linear_relu", {}, 2),
        ("quantized.linear_leaky_relu", {}, 2),
        ("quantized.linear_dynamic", {}, 1),
        ("quantized.linear_relu_dynamic", {}, 2),
        ("onednn.qlinear_pointwise", {"bias": Tensor((4,)), "post_op_name": "relu"}, 3),
        ("onednn.qlinear_pointwise", {"bias": None, "post_op_name": "none"}, 1),
        ("aten.fbgemm_linear_int8_weight", {"bias": Tensor((4,))}, 2),
    ],
)
def test_linear_layers_need_no_unpacked_weight(price, packet, arguments, extra):
    call = {"X": Tensor((5, 7, 3)), "W_prepack": "packed", **arguments}
    assert price(packet, call, Tensor((5, 7, 4))) == Cost(5 * 7 * 3 * 4, extra * 5 * 7 * 4)
    assert kind_of(Op(f"{packet}.default", call, ())) == "contraction"


def test_product_of_activations(price):
    out = Tensor((2, 4))
    assert price("quantized.matmul", {"qa": Tensor((2, 3)), "qb": Tensor((3, 4))}, out) == Cost(2 * 3 * 4, 2 * 4)


@pytest.mark.parametrize(
    ("packet", "arguments", "other"),
    [
        ("quantized.add", {"qa": X, "qb": X}, 384),
        ("quantized.add_relu_out", {"qa": X, "qb": X, "out": X}, 384),
        ("quantized.batch_norm2d", {"qx": X, "weight": Tensor((3,))}, 2 * 384),
        ("quantized.layer_norm", {"input": X, "weight": Tensor((8,))}, 5 * 384),
        ("quantized.softmax", {"qx": X}, 5 * 384),
        ("quantized.cat", {"qx": (X, X)}, 0),
        ("quantized.embedding_byte", {"weight": Tensor((9, 3)), "indices": Tensor((7,))}, 2 * 384),
        ("quantized.embedding_bag_byte", {"weight": Tensor((9, 3)), "indices": Tensor((7,))}, 3 * 7 * 8),
    ],
)
def test_elementwise(price, packet, arguments, other):
    assert price(packet, arguments, X) == Cost(0, other)
