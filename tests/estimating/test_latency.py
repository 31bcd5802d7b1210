"""Ranges of time from hand-made devices and tables."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from analyzer.estimating.efficiency import Efficiencies, Efficiency, calibrated
from analyzer.estimating.latency import NOMINAL, in_dtype_of, parts_of, time_estimate
from analyzer.estimating.work import OperatorWork
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.values.devices import Device, device_for
from analyzer.values.estimates import Span

Counted = Callable[..., Count]
MACS = 32 * 16 * 9 * 40 * 40
NBYTES = (16 * 40 * 40 + 32 * 40 * 40 + 32 * 16 * 9) * 4


def device(flops: float, bandwidth: float, **given: float) -> Device:
    return Device("own", {"float32": flops}, bandwidth, "own", "by hand", **given)


def conv() -> nn.Conv2d:
    return nn.Conv2d(16, 32, 3, padding=1, bias=False)


def test_a_compute_bound_layer_takes_its_arithmetic(counted: Counted) -> None:
    found = time_estimate(counted(conv(), 1, 16, 40, 40), device(1e9, 1e12))
    assert found.seconds == Span(NOMINAL[0] * 2 * MACS / 1e9, NOMINAL[1] * 2 * MACS / 1e9)
    (layer,) = found.layers
    assert (layer.bound, layer.attainable) == ("compute", 1.0)


def test_a_memory_bound_layer_takes_its_bytes(counted: Counted) -> None:
    found = time_estimate(counted(conv(), 1, 16, 40, 40), device(1e15, 1e9))
    assert found.seconds.low == pytest.approx(NOMINAL[0] * NBYTES / 1e9)
    (layer,) = found.layers
    assert layer.bound == "memory"
    assert layer.attainable == pytest.approx(2 * MACS / NBYTES * 1e9 / 1e15)


def test_starting_a_kernel_is_added(counted: Counted) -> None:
    found = time_estimate(counted(conv(), 1, 16, 40, 40), device(1e9, 1e12, launch=1.0))
    assert found.seconds.low == pytest.approx(NOMINAL[0] * (1 + 2 * MACS / 1e9))
    assert found.layers[0].bound == "overhead"


def test_the_total_is_the_sum_of_the_layers(counted: Counted) -> None:
    model = nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 400, 10))
    found = time_estimate(counted(model, 1, 16, 40, 40), device_for("laptop-core"))
    assert found.seconds.low == pytest.approx(sum(layer.seconds.low for layer in found.layers))
    assert [layer.path for layer in found.layers] == ["0", "1", "2", "3", "4"]


def test_a_calibrated_operator_is_a_sum() -> None:
    table = Efficiencies({"linear": Efficiency(0.5, 0.25, 1e-3)}, calibrated().error, 1.2, 1.5)
    parts = parts_of(OperatorWork("fc", "linear", flops=100, nbytes=50, macs=50), device(1e3, 1e2), table)
    assert (parts.compute, parts.memory, parts.overhead) == (100 / 500, 50 / 25, 1e-3)
    assert parts.seconds == pytest.approx(0.2 + 2 + 1e-3)


def test_a_measured_device_says_its_error_and_a_nominal_one_that_it_has_none(counted: Counted) -> None:
    count = counted(conv(), 1, 16, 40, 40)
    found = time_estimate(count, Device("this", {"float32": 96e9}, 19e9, "cpu", "measured", is_measured=True))
    assert found.error == calibrated().error
    assert found.seconds.high / found.seconds.low == pytest.approx(calibrated().spread ** 2)
    assert time_estimate(count, device_for("a100")).error is None


def test_a_profile_of_one_data_type_converts_to_it() -> None:
    work = OperatorWork("a", "linear", 8, 400, 4, 0, "float32")
    indices = OperatorWork("b", "elementwise", 0, 80, 0, 0, "int64")
    half, kept = in_dtype_of(device_for("a100-fp16"), (work, indices))
    assert (half.nbytes, half.dtype) == (200, "float16")
    assert kept == indices
    assert in_dtype_of(device_for("a100"), (work,)) == (work,)


RTX_3090 = Device("rtx3090", {"float16": 71e12}, 936e9, "gpu", "nominal", launch=4e-6)


@pytest.mark.parametrize(
    ("name", "on", "batch", "images_a_second"),
    [
        ("resnet18", RTX_3090, 256, 9260),
        ("mobilenet_v2", RTX_3090, 256, 8630),
        ("resnet50", RTX_3090, 256, 3219),
        ("efficientnet_b0", RTX_3090, 256, 6925),
        ("resnext50_32x4d", RTX_3090, 256, 2577),
        ("resnet18", device_for("laptop-4-cores"), 1, 62),
        ("mobilenet_v2", device_for("laptop-4-cores"), 1, 151),
        ("resnet50", device_for("laptop-4-cores"), 1, 30),
        ("efficientnet_b0", device_for("laptop-4-cores"), 1, 94),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_published_throughputs_lie_in_the_range(name: str, on: Device, batch: int, images_a_second: int) -> None:
    """pytorch-image-models, results/benchmark-infer-*.csv: RTX 3090 in mixed precision, i7-12700H in float32."""
    with torch.device("meta"):
        model, images = get_model(name, weights=None).eval(), torch.empty(batch, 3, 224, 224)
    found = time_estimate(Count(trace(from_module(model, (images,), {}, None))), on).seconds
    assert found.low < batch / images_a_second < found.high


def test_nothing_takes_no_time(counted: Counted) -> None:
    found = time_estimate(counted(nn.Identity(), 1, 3), device_for())
    assert (found.seconds, found.layers) == (Span(0, 0), ())
