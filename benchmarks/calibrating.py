"""The calibration of the time estimate: least squares in log space over what networks and their operators took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from analyzer.estimating.work import Kind, OperatorWork
from analyzer.values.devices import Device

CLASSES: tuple[Kind, ...] = get_args(Kind)
"""In the order of the fitted numbers."""
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


class Calibration:
    """Least squares in log space: three numbers a class, held to networks' totals and, lightly, to single operators."""

    def __init__(self, device: Device, networks: Sequence[Measured]) -> None:
        self.device, self.networks = device, networks
        self.sums = np.array([self.sums_of(network.works) for network in networks])
        self.totals = np.array([network.seconds for network in networks])
        self.rows = [self._rows(network) for network in networks]

    def _features(self, work: OperatorWork) -> tuple[float, float, float]:
        return work.flops / self.device.peak("float32"), work.nbytes / self.device.bandwidth, 1.0

    def sums_of(self, works: Iterable[OperatorWork]) -> Vector:
        """Work by class, in seconds at what the device attains: what the three numbers of each class multiply."""
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
