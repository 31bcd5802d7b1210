"""The roofline's arithmetic, and that what takes most of the time is what it says."""

import pytest

from analyzer.values.devices import Device, device_for
from analyzer.values.roofline import Parts, attainable, bound_of, parts_at_peak

BOARD = Device("board", {"float32": 1e3, "float16": 4e3}, 1e2, "board", "made up", launch=0.5)


def test_work_takes_its_flops_over_the_peak_of_its_dtype_and_its_bytes_over_the_bandwidth() -> None:
    assert parts_at_peak(100, 50, "float32", BOARD) == Parts(200 / 1e3, 50 / 1e2, 0.5)
    assert parts_at_peak(100, 50, "float16", BOARD) == Parts(200 / 4e3, 50 / 1e2, 0.5)
    assert parts_at_peak(100, 50, "float16", BOARD).seconds == 0.5 + 0.5


def test_what_neither_computes_nor_moves_starts_nothing() -> None:
    assert parts_at_peak(0, 0, "float32", BOARD) == Parts(0, 0, 0)


def test_what_was_calibrated_one_after_the_other_is_a_sum() -> None:
    assert Parts(1.0, 2.0, 0.5).seconds == 2.5
    assert Parts(1.0, 2.0, 0.5, is_sum=True).seconds == 3.5


# 3×3, C channels at H×H, dense: 2 · 9 C² H² FLOPs; depthwise 2 · 9 C H²; bytes 2 · (2 C H² + weights).
@pytest.mark.parametrize(
    ("macs", "nbytes", "device", "dtype", "expected"),
    [
        (9 * 64**2 * 56**2, 2 * (2 * 64 * 56**2 + 9 * 64**2), "v100", "float16", "overhead"),
        (9 * 512**2 * 56**2, 2 * (2 * 512 * 56**2 + 9 * 512**2), "v100", "float16", "compute"),
        (9 * 64 * 56**2, 4 * (2 * 64 * 56**2 + 9 * 64), "laptop-core", "float32", "memory"),
        (64**2 * 56**2, 4 * (2 * 64 * 56**2 + 64**2), "laptop-core", "float32", "compute"),
    ],
)
def test_bound(macs: int, nbytes: int, device: str, dtype: str, expected: str) -> None:
    assert bound_of([parts_at_peak(macs, nbytes, dtype, device_for(device))]) == expected


def test_on_the_ridge_it_is_compute_bound() -> None:
    core = device_for("laptop-core")
    assert bound_of([parts_at_peak(100, 40, "float32", core)]) == "compute"
    assert bound_of([parts_at_peak(100, 41, "float32", core)]) == "memory"
    assert bound_of([]) == "overhead"


def test_the_attainable_share_is_intensity_over_the_ridge() -> None:
    assert attainable(100, 41, "float32", device_for("laptop-core")) == 200 / 41 * 20e9 / 100e9
    assert attainable(100, 40, "float32", device_for("laptop-core")) == 1.0
    assert attainable(0, 0, "float32", device_for("laptop-core")) == 1.0
