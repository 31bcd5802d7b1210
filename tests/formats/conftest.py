"""A small network's analysis, by hand: convolution, normalization, pooling and a classifier on one 8 by 8 image."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analyzer.values.advice import Advice, Saving, Together
from analyzer.values.counts import Input, Layer, Model, NeverRun, StoredTensor, Total, Tracing, Uncounted
from analyzer.values.gate_results import (
    BudgetChange,
    BudgetLine,
    BudgetTerms,
    Difference,
    LayerChange,
    Remedy,
    RemedyStep,
    SettingChange,
)
from analyzer.values.results import Analysis

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


# Depthwise 3·3·3 and pointwise 3·16 in place of 16·3·3·3, each weight used 8·8 times.
SEPARABLE = Advice(
    rule="SEP101",
    name="depthwise-separable",
    path="stem.conv",
    level="note",
    effort="retrain",
    current="nn.Conv2d(3, 16, 3, padding=1, bias=False)",
    proposed="nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False), nn.Conv2d(3, 16, 1, bias=False))",
    saved=Saving(432 - 27 - 48, (432 - 27 - 48) * 8 * 8),
    bytes_ratio=1.25,
    bound="memory",
    device="laptop",
    notes=("pointwise first fits trained kernels better",),
    file="net.py",
    line=8,
)
FOLDED = Advice(
    rule="BNF301",
    name="foldable-batchnorm",
    path="stem.norm",
    level="note",
    effort="none",
    current="nn.BatchNorm2d(16)",
    proposed="nn.Identity()",
    saved=Saving(32, 0),
    bytes_ratio=0.5,
    bound=None,
    file="net.py",
    line=9,
)
HEAVY = Advice(
    rule="HED201",
    name="heavy-head",
    path="head",
    level="note",
    effort="none",
    current="holds 95.7 % of the parameters",
    proposed=None,
    saved=None,
    bytes_ratio=None,
    bound=None,
    notes=("pool before it",),
    file="net.py",
    line=10,
)


@pytest.fixture
def separable() -> Advice:
    """A proposal that needs retraining."""
    return SEPARABLE


@pytest.fixture
def advised() -> Analysis:
    """The small network with one piece of advice of each kind."""
    return make(advice=(SEPARABLE, FOLDED, HEAVY), together=Together(2, Saving(357 + 32, 357 * 64)))


# In the base the head read 512 features: 512·10 parameters and MACs fewer.
BASE = _total_of((CONV, NORM, replace(HEAD, params=512 * 10 + 10, macs=512 * 10)))
GROWN = LayerChange(
    "head",
    "changed",
    replace(HEAD, params=512 * 10 + 10, macs=512 * 10),
    HEAD,
    changed=(SettingChange("in_features", 512, 1024),),
)
EXCEEDED = BudgetLine(
    name="mobile",
    metric="params",
    value=10_714,
    limit=10_000,
    base=10_714 - 5120,
    status="fail",
    message="ask the owners",
    remedy=Remedy((RemedyStep("SEP101", "depthwise-separable", "stem.conv", "retrain", "net.py", 8),), 357),
)
KEPT = BudgetLine("mobile", "macs", 37_888, 40_000, 37_888 - 5120, "pass", message="never shown")
INHERITED = BudgetLine("stem", "params", 464, 400, 464, "drift", match="stem.*")


@pytest.fixture
def exceeded() -> BudgetLine:
    """A limit on parameters that this change broke: 714 too many."""
    return EXCEEDED


@pytest.fixture
def gated() -> Analysis:
    """The small network over its budget: its head has grown."""
    raised = BudgetChange(BudgetTerms("mobile", {"params": 9000}, {}), BudgetTerms("mobile", {"params": 10_000}, {}))
    difference = Difference("main", BASE, (GROWN,), 4, (raised,))
    return make(budget=(KEPT, EXCEEDED, INHERITED), verdict="fail", difference=difference)


@pytest.fixture
def unchanged() -> Analysis:
    """The small network within its budget, and as its base."""
    line = replace(KEPT, base=37_888)
    return make(budget=(line,), verdict="pass", difference=Difference("main", _total_of(LAYERS), (), 5))
