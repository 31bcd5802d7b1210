"""How far the time estimate is off the clock, over torchvision's convolutional networks; `--fit` calibrates it anew.

Batch 1, float32, one thread, eval. The clock is the processor time of the one thread that runs the forward: on an idle
machine that is the wall time, on a busy one it leaves out the waiting. Each network's error is that of a calibration
without it, and once more of one without its whole family.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.benchmark import Timer
from torchvision.models import get_model

from analyzer.calibration import conditions, device_of, measure
from analyzer.counting import Count
from analyzer.devices import Device
from analyzer.estimates import EstimatorError
from analyzer.estimating.efficiency import TABLE, Efficiencies, Efficiency
from analyzer.estimating.latency import parts_of
from analyzer.estimating.work import CLASSES, OperatorWork, eager_work
from analyzer.loading import from_module
from analyzer.tracing import trace

NETWORKS = (
    "alexnet vgg11 vgg11_bn vgg13_bn vgg16 vgg19 squeezenet1_0 squeezenet1_1 resnet18 resnet34 resnet50 resnet101 "
    "resnet152 wide_resnet50_2 resnext50_32x4d densenet121 densenet161 densenet169 googlenet inception_v3 mobilenet_v2 "
    "mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet1_0 mnasnet1_3 shufflenet_v2_x0_5 shufflenet_v2_x1_0 "
    "shufflenet_v2_x2_0 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_v2_s "
    "regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf "
    "regnet_y_3_2gf convnext_tiny convnext_small"
)
SLOW_TO_INITIALIZE = ("googlenet", "inception_v3")
HELD = 0.15
"""Weight of what single operators took against what whole networks took."""
START = (0.8, 0.5, 2e-5)
"""Efficiencies and overhead that the calibration starts from."""
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One network: seconds of the whole forward, and of each operator in it."""

    name: str
    seconds: float
    iqr: float
    works: tuple[OperatorWork, ...]
    operators: tuple[float, ...]

    @property
    def family(self) -> str:
        """What its name begins with: "resnet", "vgg"; relatives by construction go together."""
        stem = self.name.partition("_")[0].rstrip("0123456789")
        return {"wide": "resnet", "resnext": "resnet"}.get(stem, stem)


def network(name: str) -> tuple[nn.Module, torch.Tensor]:
    """The network with random weights, and an image of the size that it was made for."""
    torch.manual_seed(0)
    settings = {"init_weights": False} if name in SLOW_TO_INITIALIZE else {}
    size = 299 if name == "inception_v3" else 224
    return get_model(name, weights=None, **settings).eval(), torch.randn(1, 3, size, size)


def measured(name: str, seconds: float) -> Measured:
    """Timed for so many seconds."""
    model, image = network(name)
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


class Calibration:
    """Least squares in log space: three numbers a class, held to networks' totals and, lightly, to single operators."""

    def __init__(self, device: Device, networks: Sequence[Measured]) -> None:
        self.device, self.networks = device, networks
        self.sums = np.array([self._sums(network.works) for network in networks])
        self.totals = np.array([network.seconds for network in networks])
        self.rows = [self._rows(network) for network in networks]

    def _features(self, work: OperatorWork) -> tuple[float, float, float]:
        return work.flops / self.device.peak("float32"), work.nbytes / self.device.bandwidth, 1.0

    def _sums(self, works: Iterable[OperatorWork]) -> Vector:
        sums = np.zeros((len(CLASSES), 3))
        for work in works:
            sums[CLASSES.index(work.kind)] += self._features(work)
        return sums.reshape(-1)

    def _rows(self, network: Measured) -> Vector:
        """Class, features and seconds of each operator."""
        pairs = zip(network.works, network.operators, strict=True)
        return np.array([[CLASSES.index(work.kind), *self._features(work), seconds] for work, seconds in pairs])

    def fitted(self, kept: Sequence[int]) -> Vector:
        """Logarithms of the inverse efficiencies and of the overheads, from these networks alone."""
        start = self.of_operators(kept)
        chosen = list(kept)
        sums, totals = self.sums[chosen], np.log(self.totals[chosen])
        held = HELD * np.sqrt(len(kept) / len(start))

        def residuals(values: Vector) -> Vector:
            return np.concatenate([np.log(sums @ np.exp(values)) - totals, held * (values - start)])

        return least_squares(residuals, start)

    def of_operators(self, kept: Sequence[int]) -> Vector:
        """What single operators took, class by class."""
        rows = np.concatenate([self.rows[index] for index in kept])
        start = np.log([1 / START[0], 1 / START[1], START[2]])
        parts = []
        for index in range(len(CLASSES)):
            own = rows[rows[:, 0] == index]
            parts.append(_of_class(own[:, 1:4], np.log(own[:, 4]), start) if len(own) else start)
        return np.concatenate(parts)

    def predicted(self, values: Vector, index: int) -> float:
        """Seconds of one network."""
        return float(self.sums[index] @ np.exp(values))

    def left_out(self, leaves: Callable[[Measured, Measured], bool]) -> Vector:
        """Each network's time as predicted without those that `leaves` names for it."""
        found: dict[tuple[int, ...], Vector] = {}
        predictions = []
        for index, network in enumerate(self.networks):
            kept = tuple(i for i, other in enumerate(self.networks) if not leaves(network, other))
            if kept not in found:
                found[kept] = self.fitted(kept)
            predictions.append(self.predicted(found[kept], index))
        return np.array(predictions)


def _of_class(features: Vector, logs: Vector, start: Vector) -> Vector:
    def residuals(values: Vector) -> Vector:
        held = 0.02 * np.sqrt(len(logs)) * (values - start)
        return np.concatenate([np.log(features @ np.exp(values)) - logs, held])

    return least_squares(residuals, start)


def least_squares(residuals: Callable[[Vector], Vector], values: Vector, steps: int = 60) -> Vector:
    """Levenberg's and Marquardt's method with a numerical derivative."""
    damping, left = 1e-2, residuals(values)
    for _ in range(steps):
        slopes = np.stack([(residuals(values + 1e-6 * axis) - left) / 1e-6 for axis in np.eye(len(values))], axis=1)
        while damping < 1e8:
            system = slopes.T @ slopes + damping * np.eye(len(values))
            step = np.linalg.solve(system, -slopes.T @ left)
            after = residuals(values + step)
            if after @ after < left @ left:
                break
            damping *= 4
        else:
            return values
        gained = left @ left - after @ after
        values, left, damping = values + step, after, damping / 6
        if gained < 1e-8 * (left @ left):
            break
    return values


def rank_correlation(one: Vector, other: Vector) -> float:
    """Spearman's; no two times are equal."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def error_of(calibration: Calibration, said: str) -> tuple[EstimatorError, Vector]:
    """The left-out error, and each network's ratio of estimate and measurement."""
    alone = calibration.left_out(lambda one, other: one is other)
    family = calibration.left_out(lambda one, other: one.family == other.family)
    off, far = (np.abs(times / calibration.totals - 1) for times in (alone, family))
    error = EstimatorError(
        networks=len(off),
        median=_rounded(np.median(off)),
        p90=_rounded(np.quantile(off, 0.9)),
        rank_correlation=_rounded(rank_correlation(alone, calibration.totals)),
        family_median=_rounded(np.median(far)),
        conditions=said,
    )
    return error, np.stack([alone, family]) / calibration.totals


def _rounded(value: Any) -> float:
    return round(float(value), 3)


def table_of(calibration: Calibration, error: EstimatorError) -> Efficiencies:
    """The table that the package ships."""
    everything = calibration.fitted(range(len(calibration.networks)))
    values = np.exp(everything).reshape(-1, 3)
    classes = {
        name: Efficiency(*(float(f"{value:.3g}") for value in (1 / compute, 1 / memory, overhead)))
        for name, (compute, memory, overhead) in zip(CLASSES, values, strict=True)
    }
    return Efficiencies(classes, error, layer_spread=_layer_spread(calibration, classes, error))


def _layer_spread(calibration: Calibration, classes: dict[str, Efficiency], error: EstimatorError) -> float:
    """The factor that nine of ten operators of at least a hundredth of their network's time lie within."""
    table = Efficiencies(classes, error, 1.0)
    ratios = [
        parts_of(work, calibration.device, table).seconds / seconds
        for network in calibration.networks
        for work, seconds in zip(network.works, network.operators, strict=True)
        if seconds > network.seconds / 100
    ]
    return _rounded(np.exp(np.quantile(np.abs(np.log(ratios)), 0.9)))


def show(calibration: Calibration, error: EstimatorError, ratios: Vector) -> None:
    """The error, network by network and in all."""
    print("| network | measured ms | IQR ms | estimate / measured | without its family |\n|:--|--:|--:|--:|--:|")
    for network, alone, family in zip(calibration.networks, *ratios, strict=True):
        timed = f"{network.seconds * 1e3:.1f} | {network.iqr * 1e3:.1f}"
        print(f"| {network.name} | {timed} | {alone:.2f} | {family:.2f} |")
    said = f"median {error.median:.1%}, p90 {error.p90:.1%}, Spearman {error.rank_correlation:.3f}"
    print(f"\n{error.networks} networks: {said}; without the whole family median {error.family_median:.1%}")
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
    attained, networks = _kept(given.keep, given.networks, given.seconds)
    calibration = Calibration(device_of(attained), networks)
    known = attained.conditions
    said = f"torchvision's networks, batch 1, float32, one thread of {known.processor}, torch {known.torch}"
    error, ratios = error_of(calibration, said)
    show(calibration, error, ratios)
    if given.fit:
        table = table_of(calibration, error)
        TABLE.write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=2) + b"\n")


def _kept(file: Path | None, names: Sequence[str], seconds: float) -> tuple[Any, list[Measured]]:
    from analyzer.calibration import Attained

    if file and file.exists():
        return msgspec.json.decode(file.read_bytes(), type=tuple[Attained, list[Measured]])
    attained = measure(conditions(1))
    networks = []
    for name in names:
        networks.append(measured(name, seconds))
        print(f"{name}: {networks[-1].seconds * 1e3:.1f} ms", flush=True)
    if file:
        file.write_bytes(msgspec.json.encode((attained, networks)))
    return attained, networks


if __name__ == "__main__":
    main()
