"""Peak activation memory as estimated against what torch's profiler sees on the CPU, for torchvision's classifiers."""

from __future__ import annotations

import argparse

import torch
import torchvision
from torch import nn
from torch.profiler import ProfilerActivity, profile

from analyzer.estimating.peak_memory_estimate import memory_estimate
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.values.estimates import MemoryEstimate

MOST_OFF = 0.05


def network(name: str) -> tuple[nn.Module, torch.Tensor]:
    """The network without initialization, whose weights are all alike, and an image of a size that it takes."""
    settings = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    size = {"inception_v3": 299}.get(name, 224)
    try:
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **settings)
        model = _filled(model.to_empty(device="cpu")) if _has_no_constants(model) else _plain(name, settings)
    except NotImplementedError:
        model = _plain(name, settings)
    return model.eval(), torch.rand(1, 3, size, size)


def _plain(name: str, settings: dict[str, bool]) -> nn.Module:
    model: nn.Module = torchvision.models.get_model(name, weights=None, **settings)
    return model


def _has_no_constants(model: nn.Module) -> bool:
    """Whether no buffer is a table that the forward reads, as relative positions are."""
    return not any("relative" in name for name, _ in model.named_buffers())


def _filled(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(0.01 if tensor.is_floating_point() else 0)
    return model


def profiled_peak(model: nn.Module, image: torch.Tensor) -> int:
    """The most bytes that were allocated at once during one forward, over those before it."""
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = model(image)
    del kept
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def estimated(model: nn.Module, image: torch.Tensor) -> MemoryEstimate:
    """What the analyzer says."""
    return memory_estimate(Count(trace(from_module(model, (image,), {}, None))))


def main() -> None:
    """A row a network, and how far the worst is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    everything = torchvision.models.list_models(module=torchvision.models)
    parser.add_argument("networks", nargs="*", default=everything)
    torch.set_num_threads(1)
    off: dict[str, float] = {}
    print("| network | profiler | estimate | ratio | of that tensors | where |\n|:--|--:|--:|--:|--:|:--|", flush=True)
    for name in parser.parse_args().networks:
        model, image = network(name)
        seen, said = profiled_peak(model, image), estimated(model, image)
        off[name] = abs(said.peak_bytes / seen - 1)
        ratios = f"{said.peak_bytes / seen:.3f} | {said.tensor_bytes / seen:.3f}"
        where = f"{said.layer} {said.operator}"
        print(f"| {name} | {seen:,} | {said.peak_bytes:,} | {ratios} | {where} |", flush=True)
    worst = max(off, key=off.__getitem__)
    within = sum(value <= MOST_OFF for value in off.values())
    print(f"\n{within} of {len(off)} within {MOST_OFF:.0%}; {worst} is off by {off[worst]:.1%}")


if __name__ == "__main__":
    main()
