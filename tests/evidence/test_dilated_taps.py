"""Which taps a dilated kernel keeps of a larger one."""

import pytest
import torch

from analyzer.evidence.dilated_taps import kept_on, kept_taps
from analyzer.values.convolution import Convolution


def layer(kernel: tuple[int, ...], dilation: int = 1, padding: int | None = None) -> Convolution:
    """'Same' padding unless another is given."""
    pads = tuple(dilation * (size - 1) // 2 if padding is None else padding for size in kernel)
    return Convolution(8, 8, kernel, (1,) * len(kernel), pads, (dilation,) * len(kernel))


@pytest.mark.parametrize(
    ("large", "small", "taps"),
    [
        (layer((5, 5)), layer((3, 3), 2), ((0, 2, 4), (0, 2, 4))),
        (layer((7, 7)), layer((3, 3), 3), ((0, 3, 6), (0, 3, 6))),
        (layer((9,)), layer((3,), 4), ((0, 4, 8),)),
        (layer((5, 5, 5)), layer((3, 3, 3), 2), ((0, 2, 4),) * 3),
        (layer((7, 7)), layer((3, 3), 1), ((2, 3, 4), (2, 3, 4))),
        (layer((5,), dilation=2), layer((3,), 4), ((0, 2, 4),)),
        (layer((5,), padding=0), layer((3,), 2, padding=0), ((0, 2, 4),)),
    ],
)
def test_kept_taps(large: Convolution, small: Convolution, taps: tuple[tuple[int, ...], ...]) -> None:
    assert kept_taps(large, small) == taps


@pytest.mark.parametrize(
    ("large", "small"),
    [
        (layer((5, 5)), layer((3, 3), 3)),  # reaches beyond
        (layer((5,), dilation=2), layer((3,), 1)),  # reads between
        (layer((5,)), layer((3,), 2, padding=4)),  # moved aside
    ],
)
def test_taps_that_were_not_there(large: Convolution, small: Convolution) -> None:
    assert kept_taps(large, small) is None


def test_dilated_convolution_with_the_kept_taps_is_the_sparse_large_one() -> None:
    weight = torch.zeros(4, 3, 7, 7)
    weight[:, :, ::3, ::3] = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    images = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    rows, columns = kept_taps(layer((7, 7)), layer((3, 3), 3))
    small = weight[:, :, list(rows)][..., list(columns)]
    expected = torch.nn.functional.conv2d(images, weight, padding=3)
    assert torch.allclose(torch.nn.functional.conv2d(images, small, padding=3, dilation=3), expected, atol=1e-5)
    assert kept_on(weight, (rows, columns)) == 1.0


def test_equal_taps_keep_their_share() -> None:
    assert kept_on(torch.ones(4, 4, 7, 7), ((0, 3, 6), (0, 3, 6))) == pytest.approx(9 / 49)
    assert kept_on(torch.ones(4, 4, 5), ((0, 2, 4),)) == pytest.approx(3 / 5)
