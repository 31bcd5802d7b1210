import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formulas import cost_of
from analyzer.formulas.convolutions import CONTRACTIONS
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

BIAS = Tensor((1,))


def conv(x, weight, out, *, bias=None, transposed=False):
    return {"input": Tensor(x), "weight": Tensor(weight), "bias": bias, "transposed": transposed}, Tensor(out)


# Worked cases: each agrees with torch.utils.flop_counter (half its FLOPs) on the real layer.
CASES = {
    "Conv1d(64,128,5,s2,p2)": (
        conv((2, 64, 100), (128, 64, 5), (2, 128, 50), bias=BIAS),
        (2 * 128 * 64 * 5 * 50, 2 * 128 * 50),
    ),
    "Conv2d(3,64,7,s2,p3)": (conv((1, 3, 224, 224), (64, 3, 7, 7), (1, 64, 112, 112)), (64 * 3 * 7 * 7 * 112 * 112, 0)),
    "Conv2d(512,512,3,p1)": (conv((1, 512, 14, 14), (512, 512, 3, 3), (1, 512, 14, 14)), (462_422_016, 0)),
    "depthwise": (conv((1, 512, 14, 14), (512, 1, 3, 3), (1, 512, 14, 14)), (512 * 3 * 3 * 14 * 14, 0)),
    "pointwise": (conv((1, 512, 14, 14), (512, 512, 1, 1), (1, 512, 14, 14)), (512 * 512 * 14 * 14, 0)),
    "Conv2d(128,128,3,p1,g32)": (conv((1, 128, 28, 28), (128, 4, 3, 3), (1, 128, 28, 28)), (3_612_672, 0)),
    "Conv2d(64,64,3,d2,p2)": (conv((1, 64, 56, 56), (64, 64, 3, 3), (1, 64, 56, 56)), (115_605_504, 0)),
    "Conv2d(64,96,(3,5),s(2,1),p(1,2),g4)": (
        conv((2, 64, 33, 40), (96, 16, 3, 5), (2, 96, 17, 40), bias=BIAS),
        (2 * 96 * 16 * 3 * 5 * 17 * 40, 2 * 96 * 17 * 40),
    ),
    "ConvTranspose2d(16,8,4,s2,p1)": (
        conv((1, 16, 10, 10), (16, 8, 4, 4), (1, 8, 20, 20), bias=BIAS, transposed=True),
        (16 * 8 * 4 * 4 * 10 * 10, 8 * 20 * 20),
    ),
    "ConvTranspose2d(64,64,2,s2,g4)": (
        conv((1, 64, 14, 14), (64, 16, 2, 2), (1, 64, 28, 28), transposed=True),
        (64 * 16 * 2 * 2 * 14 * 14, 0),
    ),
    "ConvTranspose2d(32,16,3,s2,p1,op1,d2)": (
        conv((1, 32, 8, 8), (32, 16, 3, 3), (1, 16, 18, 18), transposed=True),
        (32 * 16 * 3 * 3 * 8 * 8, 0),
    ),
    "Conv3d(3,64,(3,7,7),s(1,2,2),p(1,3,3))": (
        conv((1, 3, 16, 112, 112), (64, 3, 3, 7, 7), (1, 64, 16, 56, 56)),
        (1_416_167_424, 0),
    ),
    "unbatched Conv1d": (conv((64, 100), (128, 64, 5), (128, 96)), (128 * 64 * 5 * 96, 0)),
    "unbatched ConvTranspose1d": (
        conv((64, 100), (64, 32, 5), (32, 104), transposed=True),
        (64 * 32 * 5 * 100, 0),
    ),
}


@pytest.mark.parametrize(("call", "expected"), CASES.values(), ids=CASES.keys())
def test_worked_layers(price, call, expected):
    arguments, out = call
    assert price("aten.convolution", arguments, out) == Cost(*expected)


@pytest.mark.parametrize(
    ("packet", "arguments", "extra"),
    [
        ("aten._convolution", {"input": "x", "weight": "w", "bias": None, "transposed": False}, 0),
        ("aten._convolution_mode", {"input": "x", "weight": "w", "bias": "b", "padding": "same"}, 1),
        ("aten.conv2d", {"input": "x", "weight": "w", "bias": "b", "padding": "same"}, 1),
        ("aten.cudnn_convolution", {"self": "x", "weight": "w"}, 0),
        ("aten.cudnn_convolution_relu", {"self": "x", "weight": "w", "bias": "b"}, 2),
        ("aten.cudnn_convolution_add_relu", {"self": "x", "weight": "w", "z": "y", "bias": "b"}, 3),
        ("aten.mkldnn_convolution", {"self": "x", "weight": "w", "bias": None}, 0),
        ("mkldnn._convolution_pointwise", {"X": "x", "W": "w", "B": "b", "attr": "relu"}, 2),
        ("mkldnn._convolution_pointwise", {"X": "x", "W": "w", "B": None, "attr": "none"}, 0),
        ("mkldnn._convolution_pointwise_", {"other": "y", "X": "x", "W": "w", "B": "b", "unary_attr": "relu"}, 3),
        ("aten._slow_conv2d_forward", {"self": "x", "weight": "w", "bias": "b"}, 1),
        ("aten.thnn_conv2d", {"self": "x", "weight": "w", "bias": None}, 0),
        ("aten._nnpack_spatial_convolution", {"input": "x", "weight": "w", "bias": None}, 0),
    ],
)
def test_every_backend_counts_the_same_macs(price, packet, arguments, extra):
    tensors = {"x": Tensor((2, 3, 8, 8)), "w": Tensor((4, 3, 3, 3)), "b": Tensor((4,)), "y": Tensor((2, 4, 6, 6))}
    arguments = {name: tensors.get(value, value) for name, value in arguments.items()}
    outputs = 2 * 4 * 6 * 6
    assert price(packet, arguments, tensors["y"]) == Cost(outputs * 3 * 3 * 3, extra * outputs)


@pytest.mark.parametrize(
    "packet", ["aten.conv_transpose2d", "aten.slow_conv_transpose2d", "aten.cudnn_convolution_transpose"]
)
def test_transposed_names_count_input_places(price, packet):
    name = "input" if packet == "aten.conv_transpose2d" else "self"
    arguments = {name: Tensor((2, 3, 8, 8)), "weight": Tensor((3, 4, 2, 2))}
    assert price(packet, arguments, Tensor((2, 4, 16, 16))) == Cost(2 * 8 * 8 * 3 * 4 * 2 * 2)


def test_a_complex_mac_is_four_real_ones(price):
    weight = Tensor((4, 3, 3), dtype="complex64", itemsize=8)
    cost = price("aten.convolution", {"input": Tensor((1, 3, 8)), "weight": weight, "bias": None}, Tensor((1, 4, 6)))
    assert cost == Cost(4 * 4 * 3 * 3 * 6)


def test_time_batch_channel_layout(price):
    arguments = {"self": Tensor((10, 2, 3)), "weight": Tensor((5, 3, 4)), "bias": Tensor((4,))}
    assert price("aten.conv_tbc", arguments, Tensor((6, 2, 4))) == Cost(6 * 2 * 5 * 3 * 4, 6 * 2 * 4)


@pytest.mark.parametrize(
    ("mask", "macs", "other"),
    [
        ((True, True, True), 2 * 118_013_952, 64 * 112 * 112),
        ((False, True, False), 118_013_952, 0),
        ((False, False, False), 0, 0),
    ],
)
def test_backward_pays_for_the_gradients_that_are_wanted(price, mask, macs, other):
    arguments = {
        "grad_output": Tensor((1, 64, 112, 112)),
        "input": Tensor((1, 3, 224, 224)),
        "weight": Tensor((64, 3, 7, 7)),
        "transposed": False,
        "output_mask": mask,
    }
    assert price("aten.convolution_backward", arguments, Tensor((1, 3, 224, 224))) == Cost(macs, other)


def test_backward_of_a_transposed_one_slides_over_the_input(price):
    arguments = {
        "grad_output": Tensor((1, 8, 20, 20)),
        "input": Tensor((1, 16, 10, 10)),
        "weight": Tensor((16, 8, 4, 4)),
        "transposed": True,
        "output_mask": (True, False, False),
    }
    assert price("aten.convolution_backward", arguments, Tensor((1, 16, 10, 10))) == Cost(204_800)


@given(groups=st.integers(1, 8), width=st.integers(1, 8), space=st.integers(1, 20), kernel=st.integers(1, 5))
def test_groups_divide_macs(groups, width, space, kernel):
    channels = groups * width
    x, out = Tensor((1, channels, space)), Tensor((1, channels, space))

    def macs(per_group):
        weight = Tensor((channels, per_group, kernel))
        return cost_of(Op("aten.convolution.default", {"input": x, "weight": weight, "bias": None}, (out,))).macs

    assert macs(channels) == groups * macs(width)


@given(stride=st.integers(1, 5), size=st.integers(1, 20))
def test_transposed_macs_do_not_depend_on_stride(stride, size):
    arguments, out = conv((1, 6, size), (6, 4, 3), (1, 4, (size - 1) * stride + 3), transposed=True)
    assert cost_of(Op("aten.convolution.default", arguments, (out,))).macs == size * 6 * 4 * 3


def test_every_convolution_is_a_contraction():
    assert all("conv" in packet for packet in CONTRACTIONS)
