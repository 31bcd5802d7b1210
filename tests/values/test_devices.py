"""Device profiles: the presets' ridge points, their names, and the user's own."""

import pytest

from analyzer.values.devices import DEFAULT, PRESETS, device_for, device_from
from analyzer.values.errors import Problem


@pytest.mark.parametrize(
    ("name", "flop_per_byte"),
    [("a100-fp16", 312e12 / 1555e9), ("a100-fp32", 19.5e12 / 1555e9), ("v100-fp16", 125 / 0.9), ("laptop-core", 5)],
)
def test_ridge_points(name: str, flop_per_byte: float) -> None:
    device = device_for(name)
    assert device.peak("float32") / device.bandwidth == pytest.approx(flop_per_byte, rel=1e-3)


def test_default_is_one_laptop_core() -> None:
    assert device_for() == device_for(DEFAULT)
    assert (device_for().peak("float32"), device_for().bandwidth) == (100e9, 20e9)


def test_presets_go_from_a_microcontroller_to_a_server() -> None:
    by_speed = sorted(PRESETS, key=lambda device: device.peak("float32"))
    assert {device.kind for device in PRESETS} >= {"microcontroller", "board", "phone", "cpu", "gpu"}
    assert (by_speed[0].kind, by_speed[-1].kind) == ("microcontroller", "gpu")


@pytest.mark.parametrize("device", PRESETS, ids=lambda device: device.name)
def test_presets_say_that_they_are_nominal(device) -> None:
    assert device.source.startswith("nominal: ")
    assert device_for(device.name.upper()) is device


def test_names_carry_the_data_type_where_there_are_several() -> None:
    assert device_for("a100").name_in("float16") == "a100-fp16"
    assert device_for("a100-fp16").name_in("float32") == "a100-fp16"
    assert device_for("laptop-core").name_in("float32") == "laptop-core"


@pytest.mark.parametrize(
    ("name", "dtype", "peak", "called"),
    [
        ("v100", "bfloat16", 15.7e12, "v100-fp32"),
        ("v100", "float64", 15.7e12, "v100-fp32"),
        ("laptop-core", "float16", 100e9, "laptop-core"),
    ],
)
def test_a_data_type_without_a_figure_runs_at_the_slowest_rate(name: str, dtype: str, peak: float, called: str) -> None:
    assert device_for(name).peak(dtype) == peak
    assert device_for(name).name_in(dtype) == called


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(Problem, match=r"no device 'a100-fp61'; nearest: a100-fp16"):
        device_for("a100-fp61")


def test_this_machine_is_among_the_nearest() -> None:
    with pytest.raises(Problem, match=r"no device 'thsi'; nearest: this"):
        device_for("thsi")


def test_a_name_like_none_lists_the_presets() -> None:
    names = ", ".join(device.name for device in PRESETS)
    with pytest.raises(Problem, match=rf"nearest: {names}; .*peak_gflops"):
        device_for("??")


def test_own_device() -> None:
    device = device_from("camera", {"peak_gflops": 8, "bandwidth_gbs": 3.2})
    assert (device.name, device.bandwidth) == ("camera", 3.2e9)
    assert device.peak("float32") == device.peak("float16") == 8e9
    assert device.name_in("float16") == "camera"


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"peak_gflops": 8},
        {"peak_gflops": 8, "bandwidth_gbs": 0},
        {"peak_gflops": -8, "bandwidth_gbs": 3},
        {"peak_gflops": "8", "bandwidth_gbs": 3},
        {"peak_gflops": 8, "bandwidth_gbs": 3, "cores": 4},
    ],
)
def test_own_device_with_wrong_figures(figures: dict[str, object]) -> None:
    with pytest.raises(Problem, match=r"^device 'camera': .*; it takes peak_gflops and bandwidth_gbs"):
        device_from("camera", figures)


def test_a_small_device_has_limits() -> None:
    assert (device_for("cortex-m7").flash, device_for("cortex-m7").ram) == (2 * 2**20, 2**20)
    own = device_from("camera", {"peak_gflops": 1, "bandwidth_gbs": 1, "flash_kib": 512, "ram_kib": 96.5})
    assert (own.flash, own.ram) == (512 * 1024, 98816)
    assert device_for("a100").ram is None


def test_only_devices_that_launch_kernels_wait_for_them() -> None:
    assert {device.kind for device in PRESETS if device.launch} == {"gpu", "gpu module"}


def test_no_preset_was_measured() -> None:
    assert not any(device.is_measured for device in PRESETS)
