"""Random small programs: facts never fail, and no gradient reaches beyond the receptive field."""

import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analyzer.dataflow import facts_of
from analyzer.dataflow.flow import Flow
from analyzer.dataflow.receptive_field.axes import Axes, size_of
from analyzer.dataflow.receptive_field.axis_names import AxisNames
from analyzer.dataflow.receptive_field.fields import axes_of_values
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import trace

SEEDS_PER_TEST = 25
SHAPES = [(1, 4, 8, 8), (2, 4, 6, 10), (1, 6, 12), (1, 8, 16), (2, 4, 8), (1, 4, 9, 9), (4, 12, 12)]
MOST_ELEMENTS = 4096
Step = Callable[..., Tensor]


def convolution(r: random.Random, x: Tensor) -> nn.Module:
    kinds = {3: (nn.Conv1d, nn.ConvTranspose1d), 4: (nn.Conv2d, nn.ConvTranspose2d), 5: (nn.Conv3d, nn.ConvTranspose3d)}
    groups, kernel = r.choice([1, 1, 2, x.shape[1]]), r.choice([1, 2, 3, 3, 5])
    out = r.choice([x.shape[1], groups, 2 * groups])
    make = kinds[x.dim()][r.random() < 0.15]
    stride, padding = r.choice([1, 1, 1, 2, 3]), r.choice([0, kernel // 2])
    return make(x.shape[1], out, kernel, stride, padding, dilation=r.choice([1, 1, 2, 3]), groups=groups)


def same_size(r: random.Random, x: Tensor) -> nn.Module:
    make, dilation = {3: nn.Conv1d, 4: nn.Conv2d}[x.dim()], r.choice([1, 2])
    groups = r.choice([1, 1, 2, x.shape[1]])
    return make(x.shape[1], x.shape[1], 3, padding=dilation, dilation=dilation, groups=groups)


def layer(r: random.Random, x: Tensor) -> nn.Module:
    space, channels, kernel = x.dim() - 2, x.shape[1], r.choice([2, 3])
    return r.choice(
        [
            (nn.BatchNorm1d, nn.BatchNorm2d)[space - 1](channels),
            nn.LayerNorm(x.shape[-1]),
            nn.GroupNorm(r.choice([1, 2, channels]), channels),
            nn.Softmax(r.randrange(x.dim())),
            r.choice([nn.ReLU(), nn.GELU(), nn.SiLU(inplace=True), nn.Dropout()]),
            nn.Linear(x.shape[-1], r.choice([x.shape[-1], 4])),
            (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[space - 1](r.choice([1, 2, 3, 5])),
            (nn.MaxPool1d, nn.MaxPool2d)[space - 1](kernel, r.choice([1, 2]), r.choice([0, 1])),
            (nn.AvgPool1d, nn.AvgPool2d)[space - 1](kernel, r.choice([1, 2]), r.choice([0, 1])),
            nn.Upsample(scale_factor=2, mode=r.choice(["nearest", ("linear", "bilinear")[space - 1]])),
            nn.Upsample(size=r.choice([3, 7, 10]), mode=r.choice(["nearest", ("linear", "bilinear")[space - 1]])),
            r.choice([nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2)]),
            nn.ConstantPad2d((r.randint(-1, 2), r.randint(-1, 2), r.randint(0, 2), r.randint(0, 2)), 0.0),
        ]
    )


def factors(r: random.Random, size: int) -> list[int]:
    found = []
    while size > 1:
        found.append(r.choice([divisor for divisor in range(2, size + 1) if size % divisor == 0]))
        size //= found[-1]
    return r.sample(found, len(found)) or [1]


def written(x: Tensor, axis: int) -> Tensor:
    out = torch.zeros_like(x)
    out.narrow(axis, 0, 1).copy_(x.narrow(axis, -1, 1))
    return out


def changed(x: Tensor, axis: int) -> Tensor:
    out = x.clone()
    out.select(axis, 0).mul_(2)
    return out


def unary(r: random.Random, x: Tensor) -> Step:
    a, b = r.randrange(x.dim()), r.randrange(-x.dim(), 0)
    order, place, index = r.sample(range(x.dim()), x.dim()), r.randrange(x.shape[a]), [slice(None)] * x.dim()
    index[a] = slice(r.randint(-x.shape[a], x.shape[a] - 1), None, r.choice([1, 1, 2]))
    cut, flat, parts = tuple(index), factors(r, x.numel())[:6], factors(r, x.shape[a])[:4]
    dims, keep = r.sample(range(x.dim()), min(2, x.dim())), r.random() < 0.6
    moves: list[Step] = [
        lambda x: x.permute(order),
        lambda x: x.transpose(a, b),
        lambda x: x.mT,
        lambda x: x.reshape(flat),
        lambda x: x.unflatten(a, parts),
        lambda x: x.flatten(a),
        lambda x: x.flatten(0, a),
        lambda x: x.chunk(2, b)[-1],
        lambda x: x.split(place + 1, a)[-1],
        lambda x: x.select(a, place),
        lambda x: x.unbind(a)[place],
        lambda x: x[cut],
        lambda x: x.unsqueeze(a),
        lambda x: x.squeeze(),
        lambda x: x.expand(2, *x.shape),
        lambda x: x.unfold(a, 2, 1),
        lambda x: x.repeat_interleave(2, a),
        lambda x: x.diagonal(0, a - 1, a),
        lambda x: x[:, [0, 1]],
        lambda x: F.unfold(x, 3, padding=1),
    ]
    mixes: list[Step] = [
        lambda x: x.mean(dims, keepdim=keep),
        lambda x: x.amax(a, keepdim=keep),
        lambda x: x.sum(),
        lambda x: x.max(a)[0],
        lambda x: x.sort(a)[0],
        lambda x: x.topk(1, a)[0],
        lambda x: x.flip(a),
        lambda x: x.roll(1),
        lambda x: x.cumsum(a),
        lambda x: x.softmax(a),
        lambda x: F.normalize(x, dim=a),
        lambda x: F.glu(x, a),
        lambda x: written(x, a),
        lambda x: changed(x, a),
    ]
    return r.choice(r.choice([moves, moves, mixes]))


def binary(r: random.Random, x: Tensor) -> Step:
    a = r.randrange(-x.dim(), x.dim())
    return r.choice(
        [
            lambda x, y: x + y,
            lambda x, y: x * y,
            lambda x, y: torch.where(x > 0, x, y),
            lambda x, y: x * y.mean((-1, -2), keepdim=True).sigmoid(),
            lambda x, y: torch.cat([x, y], a),
            lambda x, y: torch.stack([x, y], a),
            lambda x, y: torch.cat([x, y, torch.zeros_like(y)], a),
            lambda x, y: x @ y,
            lambda x, y: x @ y.mT,
            lambda x, y: torch.softmax(x @ y.mT, -1) @ y,
            lambda x, y: (torch.softmax(x.mT @ y, -1) @ y.mT).mT,
            lambda x, y: F.scaled_dot_product_attention(x, y, y),
            lambda x, y: x + F.scaled_dot_product_attention(x.mT, y.mT, y.mT).mT,
            lambda x, y: torch.einsum("bi...,bj...->bij", x, y),
            lambda x, y: F.conv1d(x, y),
            lambda x, y: F.conv2d(x, y),
        ]
    )


class Program(nn.Module):
    """Steps over a growing list of values; the last two are returned."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.steps: list[tuple[int | Step, tuple[int, ...]]] = []

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = list(inputs)
        for step, places in self.steps:
            run = self.parts[step] if isinstance(step, int) else step
            values.append(run(*(values[place] for place in places)))
        return tuple(values[-2:])


@torch.no_grad()
def program(seed: int) -> tuple[Program, list[tuple[int, ...]]]:
    """A program that runs, drawn step by step: what torch refuses is drawn again."""
    r, made = random.Random(seed), Program()
    torch.manual_seed(seed)
    shapes = [r.choice(SHAPES)]
    shapes += [r.choice([shapes[0], *SHAPES, (1, 5, 8), (8,)])] if r.random() < 0.4 else []
    values, length = [torch.randn(shape) for shape in shapes], r.randint(3, 14)
    for _ in range(20 * length):
        places = (len(values) - 1 if r.random() < 0.7 else r.randrange(len(values)), r.randrange(len(values)))
        drawn = r.choice([convolution, same_size, layer, layer, unary, unary, unary, binary, binary])
        places = places if drawn is binary else places[:1]
        try:
            step = drawn(r, values[places[0]])
            step = step.eval() if isinstance(step, nn.Module) else step
            value = step(*(values[place].clone() for place in places))
        except (RuntimeError, ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, NotImplementedError):
            continue
        if 0 < value.numel() <= MOST_ELEMENTS and value.dtype == torch.float32 and value.dim() <= 6:
            made.parts.extend([step] if isinstance(step, nn.Module) else [])
            made.steps.append((len(made.parts) - 1 if isinstance(step, nn.Module) else step, places))
            values.append(value)
        if len(made.steps) == length:
            break
    return made.eval(), shapes


def traced(made: nn.Module, shapes: list[tuple[int, ...]]) -> Count:
    inputs = Inputs(tuple(InputSpec(shape) for shape in shapes))
    return Count(trace(LoadedModel("program", "program", deepcopy(made).to("meta"), (inputs,))))


@pytest.mark.parametrize("first", range(0, 12 * SEEDS_PER_TEST, SEEDS_PER_TEST))
def test_facts_of_any_program_can_be_had(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        count = traced(*program(seed))
        facts_of(count.trace, count.owners, count.costs)


@pytest.mark.parametrize("first", range(10_000, 10_000 + 12 * SEEDS_PER_TEST, SEEDS_PER_TEST))
def test_no_gradient_reaches_beyond_the_field(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        made, shapes = program(seed)
        flow = Flow(traced(made, shapes).trace)
        names = AxisNames()
        axes = axes_of_values(flow, names)
        for value, known in axes.items():
            assert tuple(map(size_of, known.dimensions)) == flow.tensors[value].shape, seed
            assert known.present <= known.reach.keys(), seed
        given = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
        outputs = [axes.get(flow.latest(t)) for t in flow.trace.outputs]
        for slopes, index, known in gradients(made, given, outputs, random.Random(seed)):
            for x, slope in zip(given, slopes, strict=True):
                assert_within(slope, names.named(tuple(x.shape)), index, known, seed)


def gradients(
    made: nn.Module, given: list[Tensor], axes: list[Axes | None], r: random.Random
) -> Iterator[tuple[Any, tuple[int, ...], Axes]]:
    """Of a few elements of each output the gradient by each input; none where a program writes over what it needs."""
    try:
        outputs = deepcopy(made).double()(*(x * 1 for x in given))
        for output, known in zip(outputs, axes, strict=True):
            if known is None or known.is_raw or not output.requires_grad:
                continue
            for _ in range(4):
                index = tuple(r.randrange(size) for size in output.shape)
                slopes = torch.autograd.grad(output[index], given, retain_graph=True, allow_unused=True)
                yield slopes, index, known
    except RuntimeError as error:
        if not re.search("inplace|in-place|single memory location", str(error)):
            raise


def assert_within(slope: Tensor | None, names: dict[int, int], index: tuple[int, ...], known: Axes, seed: int) -> None:
    """What the gradient touches along each axis lies in the window, where that is neither global nor unaligned."""
    if slope is None or not torch.isfinite(slope).all():
        return
    for place, axis in names.items():
        reach = known.reach.get(axis)
        others = [other for other in range(slope.dim()) if other != place]
        touched = (slope.abs().amax(others) if others else slope.abs()) > 1e-12
        if reach is None or reach.whole or not reach.aligned or not touched.any():
            continue
        low, high = int(touched.nonzero()[0]), int(touched.nonzero()[-1])
        assert high - low < reach.window.size, (seed, axis, index)
        at = [other for other in range(len(known.dimensions)) if known.axis_of(other) == axis]
        if len(at) == 1:
            position = index[at[0]]
            assert reach.window.low_at(position) <= low, (seed, axis, index)
            assert reach.window.high_at(position) >= high, (seed, axis, index)
