"""The roofline's verdict and ratio, held to the table of dense layers made separable (3 × 3, 115.6 MMAC each)."""

from dataclasses import replace
from math import prod

import pytest

from analyzer.values.convolution import Convolution
from analyzer.values.devices import device_for
from analyzer.values.roofline import Work, bound, bound_text, bytes_moved, intensity, speed_up_bound

SIZES = [(32, 112), (64, 56), (128, 28), (256, 14), (512, 7)]


def dense(channels: int, size: int, itemsize: int = 4) -> Convolution:
    axes = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    return Convolution(channels, channels, (3, 3), **axes, input_size=(size, size), itemsize=itemsize)


def depthwise(channels: int, size: int, itemsize: int = 4) -> Convolution:
    return replace(dense(channels, size, itemsize), groups=channels)


def pointwise(channels: int, size: int, itemsize: int = 4) -> Convolution:
    return replace(dense(channels, size, itemsize), kernel=(1, 1), padding=(0, 0))


def work(convolution: Convolution) -> Work:
    positions = convolution.batch * prod(convolution.output_size)
    return Work(positions * prod(convolution.weight_shape), bytes_moved(convolution))


def flop_per_byte(convolution: Convolution) -> float:
    return intensity(work(convolution).macs, work(convolution).nbytes)


def test_bytes_moved() -> None:
    assert bytes_moved(dense(32, 112)) == 4 * (32 * 112 * 112 + 32 * 112 * 112 + 32 * 32 * 9)


def test_bytes_moved_with_batch_stride_and_bias() -> None:
    strided = Convolution(3, 64, (7, 7), (2, 2), (3, 3), (1, 1), bias=True, input_size=(224, 224), batch=8)
    elements = 8 * 3 * 224 * 224 + 8 * 64 * 112 * 112 + 64 * 3 * 7 * 7 + 64
    assert bytes_moved(strided) == 4 * elements
    assert bytes_moved(strided, itemsize=2) == 2 * elements


def test_bytes_moved_need_a_size() -> None:
    with pytest.raises(ValueError, match="place the convolution"):
        bytes_moved(replace(dense(32, 112), input_size=()))


@pytest.mark.parametrize(
    ("channels", "size", "of_dense", "of_depthwise", "of_pointwise"),
    [
        (32, 112, (71, 142), (2.2, 4.5), (8, 16)),
        (64, 56, (132, 264), (2.2, 4.5), (16, 32)),
        (128, 28, (166, 332), (2.2, 4.5), (30, 59)),
        (256, 14, (84, 168), (2.2, 4.4), (39, 77)),
        (512, 7, (24, 48), (2.1, 4.1), (21, 41)),
    ],
)
def test_intensity_in_fp32_and_fp16(channels, size, of_dense, of_depthwise, of_pointwise) -> None:
    for itemsize, column in ((4, 0), (2, 1)):
        assert flop_per_byte(dense(channels, size, itemsize)) == pytest.approx(of_dense[column], abs=0.5)
        assert flop_per_byte(depthwise(channels, size, itemsize)) == pytest.approx(of_depthwise[column], abs=0.05)
        assert flop_per_byte(pointwise(channels, size, itemsize)) == pytest.approx(of_pointwise[column], abs=0.5)


@pytest.mark.parametrize(
    ("channels", "size", "ratio"),
    [(c, hw, r) for (c, hw), r in zip(SIZES, (1.98, 1.84, 1.20, 0.39, 0.15), strict=True)],
)
def test_bytes_ratio(channels: int, size: int, ratio: float) -> None:
    separable = bytes_moved(depthwise(channels, size)) + bytes_moved(pointwise(channels, size))
    assert separable / bytes_moved(dense(channels, size)) == pytest.approx(ratio, abs=0.005)


SPEED_UPS = {
    ("a100-fp16", "float16", 2): (0.51, 0.71, 1.38, 2.6, 6.6),
    ("v100-fp16", "float16", 2): (0.52, 1.03, 1.99, 3.1, 6.6),
    ("a100-fp32", "float32", 4): (2.9, 5.0, 6.5, 7.5, 8.1),
    ("laptop-core", "float32", 4): (5.5, 6.9, 7.8, 8.3, 8.6),
}


@pytest.mark.parametrize("profile", SPEED_UPS)
@pytest.mark.parametrize("row", range(5), ids=[f"{c}@{hw}" for c, hw in SIZES])
def test_speed_up_of_a_separable_layer(profile: tuple[str, str, int], row: int) -> None:
    name, dtype, itemsize = profile
    before = [work(dense(*SIZES[row], itemsize))]
    after = [work(depthwise(*SIZES[row], itemsize)), work(pointwise(*SIZES[row], itemsize))]
    expected = SPEED_UPS[profile][row]
    rounding = 0.005 if expected < 2 else 0.05
    assert speed_up_bound(before, after, device_for(name), dtype) == pytest.approx(expected, abs=rounding)


@pytest.mark.parametrize(
    ("convolution", "device", "dtype", "expected"),
    [
        (dense(64, 56, 2), "a100", "float16", "compute-bound on a100-fp16"),
        (dense(32, 112, 2), "a100", "float16", "memory-bound on a100-fp16"),
        (depthwise(64, 56), "a100", "float32", "memory-bound on a100-fp32"),
        (depthwise(64, 56), "laptop-core", "float32", "memory-bound on laptop-core"),
        (pointwise(64, 56), "laptop-core", "float32", "compute-bound on laptop-core"),
    ],
)
def test_bound(convolution: Convolution, device: str, dtype: str, expected: str) -> None:
    asked = work(convolution)
    assert bound_text(asked.macs, asked.nbytes, device_for(device), dtype) == expected
    assert bound(asked.macs, asked.nbytes, device_for(device), dtype) == expected.split("-")[0]


def test_on_the_ridge_it_is_compute_bound() -> None:
    assert bound(100, 40, device_for("laptop-core")) == "compute"
    assert bound(100, 41, device_for("laptop-core")) == "memory"
