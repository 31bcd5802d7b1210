"""Flash and RAM against limits, by arithmetic."""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from analyzer.estimating.deployability import deployability
from analyzer.formulas.count import Count
from analyzer.values.devices import device_for
from analyzer.values.estimates import DeviceFit

Counted = Callable[..., Count]
SMALL = device_for("cortex-m7")


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(100, 200, bias=False), nn.Linear(200, 300, bias=False), nn.Linear(300, 10, False))


def fits(count: Count, flash: int, ram: int) -> tuple[DeviceFit, ...]:
    found = deployability(count, replace(SMALL, flash=flash, ram=ram))
    assert found is not None
    return found.fits


def test_needs_by_data_type(counted: Counted) -> None:
    weights, held = 100 * 200 + 200 * 300 + 300 * 10, 100 + 200 + 300
    found = fits(counted(model(), 1, 100), 10**9, 10**9)
    assert [(fit.dtype, fit.flash, fit.ram) for fit in found] == [
        ("float32", 4 * weights, 4 * held),
        ("float16", 2 * weights, 2 * held),
        ("int8", weights, held),
    ]
    assert {fit.flash_breaker for fit in found} | {fit.ram_breaker for fit in found} == {None}


def test_the_layer_that_breaks_the_limit_is_named(counted: Counted) -> None:
    found = fits(counted(model(), 1, 100), flash=100 * 200 * 4, ram=(100 + 200) * 4)
    assert (found[0].flash_breaker, found[0].ram_breaker) == ("1", "1")
    assert (found[1].flash_breaker, found[1].ram_breaker) == ("1", None)
    assert (found[2].flash_breaker, found[2].ram_breaker) == ("2", None)


def test_at_the_limit_it_fits(counted: Counted) -> None:
    count = counted(model(), 1, 100)
    assert fits(count, 83_000, 600)[2] == DeviceFit("int8", 83_000, 600, None, None)
    assert fits(count, 82_999, 599)[2] == DeviceFit("int8", 83_000, 600, "2", "1")


def test_devices_without_limits_are_not_asked(counted: Counted) -> None:
    assert deployability(counted(model(), 1, 100), device_for("a100")) is None
