"""Calls that are known are repeated from memory: the graph is that of carrying them out."""

from contextlib import nullcontext

import pytest
import torch
from fuzz.programs import program
from torch import nn
from torch.nn import functional as F

from analyzer.loading import from_module, load
from analyzer.tracing import OperatorMemo, Retracer, recorder, trace
from analyzer.values.graph import Tensor, Trace
from analyzer.values.requests import ModelRequest

aten = torch.ops.aten


def everything(traced: Trace) -> tuple[object, ...]:
    """All that a trace says, numbers of tensors and layouts included, which comparing tensors leaves out."""

    def full(value: object) -> object:
        if isinstance(value, Tensor):
            return value, value.number, value.channels_last
        return tuple(map(full, value)) if isinstance(value, tuple) else (type(value), str(value))

    place = {op: number for number, op in enumerate(traced.graph)}
    ops = [
        (op.name, [(name, full(value)) for name, value in op.arguments.items()], full(op.outputs), op.layer, op.tags)
        for op in traced.graph
    ]
    edges = [(place[before], place[after]) for before, after in traced.graph.edges]
    told = traced.modules, traced.parameters, traced.inputs, traced.mode, traced.allocations, traced.assumptions
    return ops, edges, full(traced.outputs), traced.gaps, *told


def again(loaded, memo):
    return Retracer(loaded, memo).trace(nullcontext, lambda: loaded.module)


@pytest.mark.parametrize("seed", range(40))
def test_a_program_traced_from_memory_is_the_program_traced(seed):
    made = program(seed)
    loaded, memo = from_module(made.model, (made.x,), {}), OperatorMemo()
    first = trace(loaded, known=memo)
    assert everything(first) == everything(trace(loaded))
    assert everything(again(loaded, memo)) == everything(first)


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:resnet18",
        "torchvision:densenet121",
        "torchvision:shufflenet_v2_x0_5",
        "timm:mobilenetv3_small_050",
        "timm:vit_tiny_patch16_224",
        "timm:swin_tiny_patch4_window7_224",
        "timm:convnext_atto",
    ],
)
def test_an_architecture_traced_from_memory_is_the_architecture_traced(name, monkeypatch):
    loaded, memo = load(ModelRequest(name)), OperatorMemo()
    first, carried_out = trace(loaded, known=memo), []
    original = recorder.Recorder._carried_out
    monkeypatch.setattr(
        recorder.Recorder, "_carried_out", lambda *given: carried_out.append(given[1]) or original(*given)
    )
    assert everything(again(loaded, memo)) == everything(first)
    assert not {aten.conv2d.default, aten.batch_norm.default, aten.layer_norm.default}.intersection(carried_out)


class Two(nn.Module):
    """Two calls that differ in what a memo has to tell apart."""

    def __init__(self, one, two) -> None:
        super().__init__()
        self.one, self.two, self.conv = one, two, nn.Conv2d(4, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self, self.one(self, x))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (lambda m, x: m.conv(x), lambda m, x: m.conv(x.contiguous(memory_format=torch.channels_last))),
        (lambda m, x: m.conv(x), lambda m, x: F.conv2d(x, m.conv.weight)),
        (lambda m, x: m.conv(x), lambda m, x: F.conv2d(x, m.conv.weight, m.conv.bias, 2)),
        (lambda m, x: x + x, lambda m, x: x + m.conv(x)[:1, :, :1, :1]),
        (lambda m, x: F.gelu(x), lambda m, x: F.gelu(x, approximate="tanh")),
        (lambda m, x: F.dropout(x), lambda m, x: F.dropout(x, training=False)),
        (lambda m, x: F.softmax(x, 1), lambda m, x: F.softmax(x, 1, dtype=torch.float64)),
        (lambda m, x: F.relu(x, inplace=True), lambda m, x: x.mul_(2)),
        (lambda m, x: x.clamp_min(1), lambda m, x: x.clamp_min(1.0)),
        (lambda m, x: torch.mul(x.long(), 2), lambda m, x: torch.mul(x.long(), 2.0)),
    ],
)
def test_calls_that_differ_are_told_apart(one, two):
    x = torch.randn(2, 4, 9, 9)
    loaded, memo = from_module(Two(one, lambda _, x: x), (x,), {}), OperatorMemo()
    trace(loaded, known=memo)
    both = from_module(Two(one, two), (x,), {})
    assert everything(again(both, memo)) == everything(trace(both))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)).train(),
        nn.Sequential(nn.BatchNorm2d(4, affine=False), nn.InstanceNorm2d(4, track_running_stats=True)).train(),
        nn.Sequential(nn.MultiheadAttention(9, 3, batch_first=True)),
        nn.Sequential(nn.LSTM(9, 5, batch_first=True)),
        nn.Sequential(nn.Bilinear(9, 9, 4)),
    ],
)
def test_layers_of_several_operators(network):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            layers = self.network
            if isinstance(layers[0], nn.MultiheadAttention | nn.Bilinear):
                x = x.flatten(0, 1)
                more = (x, x) if isinstance(layers[0], nn.MultiheadAttention) else (x,)
                return layers[0](x, *more), layers[0](x, *more)
            return (layers(x[0]), layers(x[1])) if isinstance(layers[0], nn.LSTM) else (layers(x), layers(x))

    loaded, memo = from_module(Twice(), (torch.randn(2, 4, 9, 9),), {}), OperatorMemo()
    first = trace(loaded, known=memo)
    assert everything(again(loaded, memo)) == everything(first)


def test_the_default_dtype_and_autocast_are_part_of_a_call():
    def scaled(m, x):
        torch.set_default_dtype(torch.float64)
        try:
            return x + torch.ops.aten.mul.Tensor(x.long(), 2.5).float()
        finally:
            torch.set_default_dtype(torch.float32)

    def cast(m, x):
        with torch.autocast("cpu", torch.bfloat16):
            return m.conv(x)

    x, memo = torch.randn(2, 4, 9, 9), OperatorMemo()
    trace(from_module(Two(lambda m, x: torch.mul(x.long(), 2.5).float(), lambda m, x: m.conv(x)), (x,), {}), known=memo)
    for second in (scaled, cast):
        loaded = from_module(Two(lambda _, x: x, second), (x,), {})
        assert everything(again(loaded, memo)) == everything(trace(loaded))
