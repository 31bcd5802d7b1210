"""How far the time estimate is off the clock, over torchvision's convolutional networks; `--fit` calibrates it anew.

Batch 1, float32, one thread, eval. The clock is the processor time of the one thread that runs the forward: on an idle
machine that is the wall time, on a busy one it leaves out the waiting. Each network's error is that of a calibration
without it, and once more of one without its whole family.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import torch
from calibrating import CLASSES, Calibration, Measured, Vector, rank_correlation
from torch import nn
from torch.utils.benchmark import Timer
from torchvision.models import get_model

from analyzer.estimating.efficiency import TABLE, Efficiencies, Efficiency
from analyzer.estimating.latency import parts_of
from analyzer.estimating.work import eager_work
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.measuring.calibration import Attained, conditions, device_of, measure
from analyzer.tracing import trace
from analyzer.values.estimates import EstimatorError

NETWORKS = (
    "alexnet vgg11 vgg11_bn vgg13_bn vgg16 vgg19 squeezenet1_0 squeezenet1_1 resnet18 resnet34 resnet50 resnet101 "
    "resnet152 wide_resnet50_2 resnext50_32x4d densenet121 densenet161 densenet169 googlenet inception_v3 mobilenet_v2 "
    "mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet1_0 mnasnet1_3 shufflenet_v2_x0_5 shufflenet_v2_x1_0 "
    "shufflenet_v2_x2_0 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_v2_s "
    "regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf "
    "regnet_y_3_2gf convnext_tiny convnext_small"
)
UNSEEN = (
    "ghostnet_100 mobilenetv2_100 mobilevit_s resnest14d hrnet_w18_small dla34 cspdarknet53 repvgg_a0 mixnet_s "
    "tf_efficientnet_lite0 semnasnet_100 xception41 selecsls42 ese_vovnet19b_dw gernet_s hardcorenas_a rexnet_100 "
    "skresnet18 fbnetc_100 dpn48b"
)
"""Of timm's: no part of the calibration, but what its range is held to."""
Build = Callable[[str], tuple[nn.Module, torch.Tensor]]
SLOW_TO_INITIALIZE = ("googlenet", "inception_v3")


def network(name: str) -> tuple[nn.Module, torch.Tensor]:
    """The network with random weights, and an image of the size that it was made for."""
    torch.manual_seed(0)
    settings = {"init_weights": False} if name in SLOW_TO_INITIALIZE else {}
    size = 299 if name == "inception_v3" else 224
    return get_model(name, weights=None, **settings).eval(), torch.randn(1, 3, size, size)


def unseen_network(name: str) -> tuple[nn.Module, torch.Tensor]:
    """One of timm's, and an image of the size that it was made for."""
    import timm

    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    return model, torch.randn(1, *model.default_cfg["input_size"])


def measured(name: str, seconds: float, build: Build) -> Measured:
    """Timed for so many seconds."""
    model, image = build(name)
    with torch.inference_mode():
        timer = Timer("model(x)", globals={"model": model, "x": image}, timer=time.thread_time, num_threads=1)
        timer.timeit(2)
        whole = timer.blocked_autorange(min_run_time=seconds)
    works = eager_work(Count(trace(from_module(model, (image,), {}, None))))
    return Measured(name, whole.median, whole.iqr, works, operator_seconds(model, image, len(works)))


def operator_seconds(model: nn.Module, image: torch.Tensor, number: int, rounds: int = 5) -> tuple[float, ...]:
    """Median processor time of each operator, in the order in which a trace has them."""
    runs = [_one_round(model, image) for _ in range(rounds)]
    if any(len(run) != number for run in runs):
        raise RuntimeError("the forward ran other operators than its trace has")
    return tuple(median(times) for times in zip(*runs, strict=True))


def _one_round(model: nn.Module, image: torch.Tensor) -> list[float]:
    from analyzer.tracing.ownership import ModuleStack
    from analyzer.tracing.recorder import Recorder

    times: list[float] = []

    def run(func: Any, args: Any, kwargs: Any) -> Any:
        begun = time.thread_time()
        result = func(*args, **kwargs)
        times.append(time.thread_time() - begun)
        return result

    stack = ModuleStack(model)
    recorder = Recorder(stack, {id(p): name for name, p in model.named_parameters()}, run, has_values=True)
    with torch.no_grad(), torch._C._AutoDispatchBelowAutograd(), stack.following(), recorder:
        model(image)
    return times


def error_of(calibration: Calibration, unseen: Sequence[Measured], said: str) -> tuple[EstimatorError, Vector]:
    """The left-out error, and each network's ratio of estimate and measurement."""
    alone = calibration.left_out(lambda one, other: one is other)
    family = calibration.left_out(lambda one, other: one.family == other.family)
    off, far = (np.abs(times / calibration.totals - 1) for times in (alone, family))
    beyond = np.abs(unseen_ratios(calibration, unseen) - 1)
    error = EstimatorError(
        networks=len(off),
        median=_rounded(np.median(off)),
        p90=_rounded(np.quantile(off, 0.9)),
        rank_correlation=_rounded(rank_correlation(alone, calibration.totals)),
        family_median=_rounded(np.median(far)),
        unseen=len(beyond),
        unseen_median=_rounded(np.median(beyond)),
        unseen_p90=_rounded(np.quantile(beyond, 0.9)),
        conditions=said,
    )
    return error, np.stack([alone, family]) / calibration.totals


def unseen_ratios(calibration: Calibration, unseen: Sequence[Measured]) -> Vector:
    """Estimate over measurement of networks that had no part in the calibration."""
    values = calibration.fitted(range(len(calibration.networks)))
    return np.array([calibration.sums_of(network.works) @ np.exp(values) / network.seconds for network in unseen])


def _rounded(value: Any) -> float:
    return round(float(value), 3)


def table_of(calibration: Calibration, unseen: Sequence[Measured], error: EstimatorError) -> Efficiencies:
    """The table that the package ships."""
    everything = calibration.fitted(range(len(calibration.networks)))
    values = np.exp(everything).reshape(-1, 3)
    classes = {
        name: Efficiency(*(float(f"{value:.3g}") for value in (1 / compute, 1 / memory, overhead)))
        for name, (compute, memory, overhead) in zip(CLASSES, values, strict=True)
    }
    table = Efficiencies(classes, error, _spread(unseen_ratios(calibration, unseen)), 1.0)
    return replace(table, layer_spread=_spread(_operator_ratios(calibration, table)))


def _spread(ratios: Vector) -> float:
    """The factor that nine of ten lie within."""
    return _rounded(np.exp(np.quantile(np.abs(np.log(ratios)), 0.9)))


def _operator_ratios(calibration: Calibration, table: Efficiencies) -> Vector:
    """Of the operators that take at least a hundredth of their network's time."""
    ratios = [
        parts_of(work, calibration.device, table).seconds / seconds
        for network in calibration.networks
        for work, seconds in zip(network.works, network.operators, strict=True)
        if seconds > network.seconds / 100
    ]
    return np.array(ratios)


def show(calibration: Calibration, error: EstimatorError, ratios: Vector) -> None:
    """The error, network by network and in all."""
    print("| network | measured ms | IQR ms | estimate / measured | without its family |\n|:--|--:|--:|--:|--:|")
    for network, alone, family in zip(calibration.networks, *ratios, strict=True):
        timed = f"{network.seconds * 1e3:.1f} | {network.iqr * 1e3:.1f}"
        print(f"| {network.name} | {timed} | {alone:.2f} | {family:.2f} |")
    said = f"median {error.median:.1%}, p90 {error.p90:.1%}, Spearman {error.rank_correlation:.3f}"
    print(f"\n{error.networks} networks: {said}; without the whole family median {error.family_median:.1%}")
    unseen = f"{error.unseen} of timm's: median {error.unseen_median:.1%}, p90 {error.unseen_p90:.1%}"
    print(f"{unseen}; of no part in the calibration")
    shares = defaultdict(float)
    for network in calibration.networks:
        for work, seconds in zip(network.works, network.operators, strict=True):
            shares[work.kind] += seconds / sum(network.operators) / len(calibration.networks)
    print("of the time: " + ", ".join(f"{name} {shares[name]:.1%}" for name in CLASSES))


def main() -> None:
    """Measure, calibrate, print; write the table when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=NETWORKS.split())
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each network is timed")
    parser.add_argument("--fit", action="store_true", help="write the table that the package ships")
    parser.add_argument("--keep", type=Path, help="keep what was measured here, or read it from here")
    given = parser.parse_args()
    torch.set_num_threads(1)
    attained, networks, unseen = _kept(given.keep, given.networks, given.seconds)
    calibration = Calibration(device_of(attained), networks)
    known = attained.conditions
    said = f"torchvision's networks, batch 1, float32, one thread of {known.processor}, torch {known.torch}"
    error, ratios = error_of(calibration, unseen, said)
    show(calibration, error, ratios)
    if given.fit:
        table = table_of(calibration, unseen, error)
        TABLE.write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=2) + b"\n")


def _kept(file: Path | None, names: Sequence[str], seconds: float) -> tuple[Attained, list[Measured], list[Measured]]:
    if file and file.exists():
        return msgspec.json.decode(file.read_bytes(), type=tuple[Attained, list[Measured], list[Measured]])
    kept = measure(conditions(1)), _all(names, seconds, network), _all(UNSEEN.split(), seconds, unseen_network)
    if file:
        file.write_bytes(msgspec.json.encode(kept))
    return kept


def _all(names: Sequence[str], seconds: float, build: Build) -> list[Measured]:
    found = []
    for name in names:
        found.append(measured(name, seconds, build))
        print(f"{name}: {found[-1].seconds * 1e3:.1f} ms", flush=True)
    return found


if __name__ == "__main__":
    main()
