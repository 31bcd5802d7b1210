"""What convolutions take beside their tensors, against what torch's profiler saw of the same layers."""

from typing import Any

import pytest

from analyzer.estimating.onednn import is_blocked, workspace_bytes
from analyzer.values.graph import Op, Tensor


def convolution(read: tuple[int, ...], weight: tuple[int, ...], written: tuple[int, ...], **given: Any) -> Op:
    last = given.pop("channels_last", False)
    arguments = {
        "input": Tensor(read, channels_last=last, **given.pop("dtypes", {})),
        "weight": Tensor(weight),
        "stride": (1, 1),
        "dilation": (1, 1),
        "transposed": False,
        "groups": 1,
        **given,
    }
    return Op("aten.convolution.default", arguments, (Tensor(written),))


IMAGE = (1, 64, 112, 112)
PIXELS = 64 * 112 * 112 * 4


def test_blocked_copies_are_let_go_before_the_output_is_copied_back() -> None:
    op = convolution(IMAGE, (64, 64, 3, 3), IMAGE)
    assert workspace_bytes(op) == (PIXELS + 64 * 64 * 9 * 4 + PIXELS) - PIXELS


def test_of_an_image_only_the_output_is_blocked() -> None:
    op = convolution((1, 3, 224, 224), (64, 3, 7, 7), IMAGE, stride=(2, 2))
    assert workspace_bytes(op) == max(64 * 3 * 49 * 4 + PIXELS, PIXELS + PIXELS) - PIXELS


def test_four_channels_are_no_image_and_are_blocked() -> None:
    op = convolution((1, 4, 224, 224), (8, 4, 7, 7), (1, 8, 112, 112), stride=(2, 2))
    assert workspace_bytes(op) == 8 * 224 * 224 * 4 + 8 * 4 * 49 * 4


def test_channels_are_filled_up_to_whole_blocks() -> None:
    op = convolution((1, 12, 112, 112), (12, 12, 3, 3), (1, 12, 112, 112))
    assert workspace_bytes(op) == (16 + 16 - 12) * 112 * 112 * 4 + 12 * 12 * 9 * 4


def test_small_convolutions_unfold_columns() -> None:
    op = convolution((1, 64, 14, 14), (32, 64, 3, 3), (1, 32, 14, 14))
    assert not is_blocked(op)
    assert workspace_bytes(op) == 64 * 9 * 14 * 14 * 4


def test_a_pointwise_convolution_multiplies_its_input_as_it_is() -> None:
    assert workspace_bytes(convolution(IMAGE, (32, 64, 1, 1), (1, 32, 112, 112))) == 0


def test_innermost_channels_copy_the_weight_alone() -> None:
    last = {"channels_last": True}
    assert workspace_bytes(convolution(IMAGE, (64, 64, 3, 3), IMAGE, **last)) == 2 * 64 * 64 * 9 * 4
    # The only channel of a depthwise weight is its innermost one already.
    assert workspace_bytes(convolution(IMAGE, (64, 1, 3, 3), IMAGE, groups=64, **last)) == 64 * 9 * 4


@pytest.mark.parametrize(
    ("weight", "given", "threads", "blocked"),
    [
        ((64, 64, 3, 3), {}, 1, True),
        ((64, 64, 1, 1), {}, 1, False),
        ((64, 64, 1, 1), {}, 2, True),
        ((64, 64, 1, 1), {"stride": (2, 2)}, 1, True),
        ((64, 2, 1, 1), {"groups": 32}, 1, False),
    ],
)
def test_what_torch_hands_to_onednn(
    weight: tuple[int, ...], given: dict[str, Any], threads: int, blocked: bool
) -> None:
    assert is_blocked(convolution(IMAGE, weight, IMAGE, **given), threads) is blocked


def test_only_convolutions_in_float32_take_something() -> None:
    half = Tensor(IMAGE, "float16", 2)
    op = convolution(IMAGE, (64, 64, 3, 3), IMAGE)
    assert workspace_bytes(Op(op.name, op.arguments, (half,))) == 0
    assert workspace_bytes(Op("aten.relu.default", {"self": half}, (half,))) == 0
