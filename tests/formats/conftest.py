"""A small network's analysis, by hand: convolution, normalization, pooling and a classifier on one 8 by 8 image."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analyzer.results import (
    Analysis,
    Input,
    Layer,
    Model,
    NeverRun,
    StoredTensor,
    Total,
    Tracing,
    Uncounted,
)

CONV = Layer(
    path="stem.conv",
    kind="Conv2d",
    file="net.py",
    line=8,
    calls=1,
    input_shapes=((1, 3, 8, 8),),
    output_shapes=((1, 16, 8, 8),),
    params=16 * 3 * 3 * 3,
    macs=16 * 3 * 3 * 3 * 8 * 8,
    other_flops=0,
)
NORM = replace(CONV, path="stem.norm", kind="BatchNorm2d", line=9, params=2 * 16, macs=0, other_flops=2 * 16 * 8 * 8)
NORM = replace(NORM, input_shapes=CONV.output_shapes)
HEAD = Layer(
    path="head",
    kind="Linear",
    file="net.py",
    line=10,
    calls=1,
    input_shapes=((1, 1024),),
    output_shapes=((1, 10),),
    params=1024 * 10 + 10,
    macs=1024 * 10,
    other_flops=10,
)
CONTAINERS = (Layer("", "Net", "net.py", 5, 1), Layer("stem", "Sequential", "net.py", 7, 1))
LAYERS = (*CONTAINERS, CONV, NORM, HEAD)


def _total_of(layers: tuple[Layer, ...], **changes: Any) -> Total:
    """Sums over the layers, four bytes a parameter."""
    params = sum(layer.params for layer in layers)
    macs = sum(layer.macs or 0 for layer in layers)
    other = sum(layer.other_flops or 0 for layer in layers)
    total = Total(params, params, 0, 4 * params, macs, 2 * macs, other, 3000, 8192)
    return replace(total, **changes)


def make(layers: tuple[Layer, ...] = LAYERS, **changes: Any) -> Analysis:
    """An analysis of these layers, complete unless changed."""
    analysis = Analysis(
        analyzer_version="0.1.0",
        model=Model("net", "net.py:Net", "Net", "net.py", 5),
        inputs=(Input("x", (1, 3, 8, 8), "float32"),),
        tracing=Tracing("meta", 4),
        total=_total_of(layers),
        complete=True,
        layers=layers,
    )
    return replace(analysis, **changes)


@pytest.fixture
def analysis() -> Analysis:
    """The small network, complete."""
    return make()


@pytest.fixture
def analysis_of() -> Callable[..., Analysis]:
    """`make`, for other layers and for single fields that differ."""
    return make


@pytest.fixture
def incomplete() -> Analysis:
    """The same network with an operator that has no count and a branch that never runs."""
    idle = Layer("aux", "Linear", "net.py", 12, params=100)
    fft = Layer("mixer", "Mixer", "net.py", 11, 1, macs=None, other_flops=None)
    layers = (*LAYERS, fft, idle)
    return make(
        layers,
        complete=False,
        uncounted=(Uncounted("mylib.mix.default", 2, ("mixer",), "no formula for mylib.mix"),),
        never_run=(NeverRun("aux", 100),),
        tracing=Tracing("real", 5, "mylib.mix needs values"),
    )


@pytest.fixture
def checkpoint() -> Analysis:
    """A checkpoint alone: tensors, and nothing that was run."""
    tensors = (
        StoredTensor("stem.weight", (16, 3, 3, 3), "float32", 4 * 432),
        StoredTensor("head.weight", (10, 16), "float16", 2 * 160),
        StoredTensor("steps", (), "int64", 8),
    )
    return Analysis(
        analyzer_version="0.1.0",
        model=Model("weights", "weights.pth", ""),
        inputs=(),
        tracing=Tracing(None, 0, "the checkpoint holds no code to run"),
        total=Total(432 + 160, 432 + 160, 1, 4 * 432 + 2 * 160),
        complete=False,
        tensors=tensors,
    )
