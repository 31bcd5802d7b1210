"""Ratios of proposals: the roofline's published-peak ratios, and in kind what a CPU core was measured to do."""

import pytest

from analyzer.advising.pricing import _operators
from analyzer.estimating.proposal_times import _parts, _seconds
from analyzer.values.convolution import BatchNorm, Convolution, ReLU, Unit
from analyzer.values.devices import Device, device_for

THIS = Device("this", {"float32": 94e9}, 18.7e9, "cpu", "measured", is_measured=True)


def conv(channels: int, size: int, kernel: int = 3, groups: int = 1) -> Convolution:
    return Convolution(
        in_channels=channels,
        out_channels=channels,
        kernel=(kernel, kernel),
        stride=(1, 1),
        padding=(kernel // 2, kernel // 2),
        dilation=(1, 1),
        groups=groups,
        input_size=(size, size),
        bias=False,
    )


def ratio(units: tuple[Unit, ...], now: Convolution, device: Device) -> float:
    from analyzer.estimating.efficiency import calibrated

    table = calibrated() if device.is_measured else None
    new, old = ([op for _, op in _operators(row, now)] for row in (units, (now,)))
    return _seconds(_parts(new, device, table)) / _seconds(_parts(old, device, table))


def separable(channels: int, size: int, *between: Unit) -> tuple[Unit, ...]:
    return (conv(channels, size, groups=channels), *between, conv(channels, size, kernel=1))


@pytest.mark.parametrize(
    ("channels", "size", "measured"),
    [(64, 56, 0.21), (128, 28, 0.17), (256, 14, 0.17), (512, 7, 0.14), (512, 14, 0.09)],
)
def test_separable_layers_on_one_core(channels: int, size: int, measured: float) -> None:
    """Measured ratios of layers that no calibration has seen: two runs of them differed by up to a factor of two."""
    assert measured / 2 < ratio(separable(channels, size), conv(channels, size), THIS) < measured * 2


def test_early_separable_layers_gain_less_than_their_macs() -> None:
    early = separable(32, 112, BatchNorm(32, 2), ReLU())
    assert ratio(early, conv(32, 112), THIS) > 2.5 * 0.142
    late = separable(512, 14, BatchNorm(512, 2), ReLU())
    assert ratio(late, conv(512, 14), THIS) < ratio(early, conv(32, 112), THIS) / 2


@pytest.mark.parametrize(("groups", "measured"), [(2, 0.52), (4, 0.28), (8, 0.16), (32, 0.11)])
def test_groups_on_one_core(groups: int, measured: float) -> None:
    found = ratio((conv(256, 14, groups=groups),), conv(256, 14), THIS)
    assert measured / 1.5 < found < measured * 1.5


def test_thin_groups_do_not_pay() -> None:
    """Four channels a group: a 32nd of the MACs takes more than a tenth of the time."""
    assert ratio((conv(128, 28, groups=32),), conv(128, 28), THIS) > 0.1


@pytest.mark.parametrize(
    ("channels", "size", "speed_up"), [(32, 112, 0.51), (64, 56, 0.71), (128, 28, 1.38), (256, 14, 2.6), (512, 7, 6.6)]
)
def test_separable_layers_by_the_roofline_of_a_server(channels: int, size: int, speed_up: float) -> None:
    """Derived from the same peaks, without launches."""
    from dataclasses import replace

    device = replace(device_for("a100-fp16"), launch=0.0)
    assert 1 / ratio(separable(channels, size), conv(channels, size), device) == pytest.approx(speed_up, rel=0.05)
