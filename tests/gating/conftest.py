"""Analyses by hand: layers from a few numbers, totals that are their sums."""

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.results import Advice, Analysis, Layer, Model, Saving, Total, Tracing


def _layer(path: str, params: int = 0, macs: int = 0, **given: Any) -> Layer:
    return Layer(path=path, kind=given.pop("kind", "Conv2d"), params=params, macs=macs, calls=1, **given)


def _analysis(*layers: Layer, **given: Any) -> Analysis:
    """Four bytes a parameter, all of them trainable; fields of `Total` may be given, others are the analysis's own."""
    params, macs = sum(item.params for item in layers), sum(item.macs or 0 for item in layers)
    known: dict[str, Any] = {"params": params, "trainable_params": params, "buffers": 0, "param_bytes": 4 * params}
    known |= {"macs": macs, "flops": 2 * macs, "other_flops": 0, "activation_elements": 0, "peak_activation_bytes": 0}
    totals = {name: given.pop(name, value) for name, value in known.items()}
    standard: dict[str, Any] = {
        "analyzer_version": "0",
        "model": Model("net", "net.py", "Net"),
        "inputs": (),
        "tracing": Tracing("meta", 1),
        "complete": True,
    }
    return Analysis(**{**standard, "total": Total(**totals), "layers": layers, **given})


def _advice(path: str, params: int = 0, macs: int = 0, effort: str = "retrain", **given: Any) -> Advice:
    standard: dict[str, Any] = {"rule": "SEP101", "name": "depthwise-separable", "level": "warning", "current": "a"}
    standard |= {"proposed": "b", "saved": Saving(params, macs), "bytes_ratio": None, "bound": None}
    return Advice(**{**standard, "path": path, "effort": effort, **given})


@pytest.fixture(scope="session")
def layer() -> Callable[..., Layer]:
    return _layer


@pytest.fixture(scope="session")
def analysis() -> Callable[..., Analysis]:
    return _analysis


@pytest.fixture(scope="session")
def advice() -> Callable[..., Advice]:
    return _advice
