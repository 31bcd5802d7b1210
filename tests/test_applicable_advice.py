"""Whatever is advised can be put in: every rule beside every way of wrapping, hooking, sharing or computing a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import analyzer
from analyzer.values.advice import Advice

INPUT = (1, 3, 16, 16)


def network() -> nn.Sequential:
    """What every rule that proposes for one layer, or for a row of them, has something to say of."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 7, padding=3),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 5, padding=2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(64, 64, 1),
        nn.Conv2d(64, 32, 1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=18, dilation=18),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).eval()


def around(wrap: Callable[[nn.Module], nn.Module], index: int | None = None) -> nn.Module:
    """The network with one of its layers, or itself, wrapped."""
    model = network()
    if index is None:
        return wrap(model)
    model[index] = wrap(model[index])
    return model


def each(change: Callable[[nn.Module], Any]) -> nn.Module:
    model = network()
    for layer in list(model):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            change(layer)
    return model


class Child(nn.Module):
    """The network as a child, with more of its layers registered, or held, once more."""

    def __init__(self, held: Callable[[nn.Sequential], Any] = lambda model: None, registers: bool = True) -> None:
        super().__init__()
        self.model = network()
        if registers:
            self.also = held(self.model)
        else:
            object.__setattr__(self, "also", held(self.model))

    def forward(self, x: torch.Tensor) -> Any:
        return self.model(x)


class FromList(nn.Module):
    """Calls layers through a plain list of them, registered by names that it does not read."""

    def __init__(self, container: Callable[[Any], Any]) -> None:
        super().__init__()
        layers = list(network())
        for index, layer in enumerate(layers):
            self.add_module(f"layer{index}", layer)
        self.layers = container(layers)

    def forward(self, x: torch.Tensor) -> Any:
        for layer in self.layers.values() if isinstance(self.layers, dict) else self.layers:
            x = layer(x)
        return x


class Twice(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def distributed() -> nn.Module:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    return nn.parallel.DistributedDataParallel(network())


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def tied() -> nn.Module:
    model = nn.Sequential(*network(), nn.Linear(10, 128), nn.Linear(128, 128)).eval()
    model[-1].weight = model[15].weight
    return model


def quantization_aware() -> nn.Module:
    model = network().train()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig()
    return torch.ao.quantization.prepare_qat(model).eval()


def patched() -> nn.Module:
    model = network()
    layer = model[6]
    layer.forward = lambda x: 2 * nn.Conv2d.forward(layer, x)
    return model


WRAPPED = {
    "plain": network,
    "compiled": lambda: around(compiled),
    "a compiled layer": lambda: around(compiled, 6),
    "data parallel": lambda: around(nn.DataParallel),
    "distributed": distributed,
    "compiled and data parallel": lambda: nn.DataParallel(around(compiled)),
    "scripted": lambda: around(torch.jit.script),
    "a scripted layer": lambda: around(torch.jit.script, 6),
    "forward hooks": lambda: each(lambda layer: layer.register_forward_hook(lambda *_: None)),
    "forward pre-hooks": lambda: each(lambda layer: layer.register_forward_pre_hook(lambda *_: None)),
    "backward hooks": lambda: each(lambda layer: layer.register_full_backward_hook(lambda *_: None)),
    "a hook on the model": lambda: (model := network()).register_forward_hook(lambda *_: None) and model,
    "parametrized": lambda: each(lambda layer: parametrize.register_parametrization(layer, "weight", Twice())),
    "weight norm": lambda: each(parametrizations.weight_norm),
    "weight norm by a hook": lambda: each(torch.nn.utils.weight_norm),
    "pruned": lambda: each(lambda layer: prune.random_unstructured(layer, "weight", 0.3)),
    "shared under two names": lambda: Child(lambda model: nn.ModuleList([model[3], model[6]])),
    "held in a list": lambda: Child(lambda model: [model[3], model[6], model[15]]),
    "held unregistered": lambda: Child(lambda model: model[6], registers=False),
    "called from a list": lambda: FromList(list),
    "called from a tuple": lambda: FromList(tuple),
    "called from a dictionary": lambda: FromList(lambda layers: dict(enumerate(layers))),
    "tied weights": tied,
    "dynamically quantized": lambda: torch.ao.quantization.quantize_dynamic(network(), {nn.Linear}),
    "quantization-aware": quantization_aware,
    "a patched forward": patched,
    "half precision": lambda: network().bfloat16(),
    "without gradients": lambda: network().requires_grad_(False),
}
SILENT = {
    "scripted",
    "forward hooks",
    "forward pre-hooks",
    "backward hooks",
    "called from a list",
    "called from a tuple",
    "called from a dictionary",
    "quantization-aware",
}
"""No layer of these can be replaced."""
UNCHANGED = {"compiled", "data parallel", "distributed", "compiled and data parallel"}
"""Wrappers that are looked through: all that is said of the plain network."""


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    torch.manual_seed(0)
    yield
    torch._dynamo.reset()
    if dist.is_initialized():
        dist.destroy_process_group()


def proposals(advice: tuple[Advice, ...]) -> Iterator[Advice]:
    """Each, then its alternatives."""
    for item in advice:
        if item.replacements:
            yield item
            yield from (replace(item, replacements=o.replacements, saved=o.saved) for o in item.alternatives)


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_advised_can_be_put_in(name: str) -> None:
    model = WRAPPED[name]()
    value = torch.randn(INPUT, dtype=next(model.parameters()).dtype)
    expected, before = model(value), size(model)
    advised = list(proposals(analyzer.analyze(model, value).advice))
    assert bool(advised) == (name not in SILENT)
    for item in advised:
        changed = analyzer.rewrite(model, [item])
        assert before - size(changed) == item.saved.params
        with torch.no_grad():
            found = changed(value)
        assert found.shape == expected.shape
        assert item.effort == "none" or not torch.equal(found, expected), "what is put in must be what runs"


@pytest.mark.parametrize("name", sorted(UNCHANGED))
def test_a_wrapper_changes_nothing_that_is_said(name: str) -> None:
    value = torch.randn(INPUT)
    said = [
        [(item.rule, item.path, item.saved) for item in analyzer.analyze(model, value).advice]
        for model in (network(), WRAPPED[name]())
    ]
    assert sorted(map(repr, said[0])) == sorted(map(repr, said[1]))


def test_every_exact_change_of_a_wrapped_model_is_made_together() -> None:
    model, value = nn.DataParallel(network()), torch.randn(INPUT)
    exact = [item for item in analyzer.analyze(model, value).advice if item.rule == "BNM302"]
    assert [item.path for item in exact] == ["0", "3"]
    changed = analyzer.rewrite(model, exact, value)
    assert size(model) - size(changed) == 4 * 32 - 32  # two scales and shifts, less the bias that the second lacked
    assert torch.allclose(changed(value), model(value), atol=1e-5)


def test_without_values_there_is_nothing_to_carry_over() -> None:
    model = network().to("meta")
    value = torch.empty(INPUT, device="meta")
    advice = [item for item in analyzer.analyze(model, value).advice if item.effort == "none"]
    with pytest.raises(analyzer.Problem, match="no values to carry over; load its weights first"):
        analyzer.rewrite(model, advice[:1], value)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)))


BLOCKS = {
    "scripted": lambda: torch.jit.script(Block().eval()),
    "traced": lambda: torch.jit.trace(Block().eval(), torch.zeros(1, 8, 6, 6)),
    "compiled": lambda: torch.compile(Block().eval(), backend="eager"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS.keys())
def test_exact_advice_stays_around_blocks_that_are_compiled_or_scripted(make):
    around = [nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8), make(), nn.Conv2d(8, 8, 3, bias=False)]
    model, x = nn.Sequential(*around, nn.BatchNorm2d(8)).eval(), torch.randn(1, 8, 12, 12)
    for norm in (model[1], model[4]):
        norm.running_mean.normal_()
    found = [item for item in analyzer.analyze(model, x).advice if item.rule == "BNM302"]
    inner = {item.path for item in found} - {"0", "3"}
    assert {"0", "3"} <= {item.path for item in found}
    assert inner <= {"2._orig_mod.conv"}
    with torch.no_grad():
        assert torch.allclose(analyzer.rewrite(model, found, x)(x), model(x), atol=1e-5)
