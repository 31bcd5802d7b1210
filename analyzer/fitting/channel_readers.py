"""Which places of which layers read a channel, seen by putting NaN into it and looking where it arrives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.utils import _pytree as pytree

from analyzer.fitting.networks import Batch

Place = tuple[str, int]
MIXING = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Readers:
    """The places of layers at which one channel arrives."""

    mixing: frozenset[Place] = frozenset()
    """Of convolutions and linear layers, which mix it with others."""
    apart: frozenset[Place] = frozenset()
    """Of normalizations and depthwise convolutions, which keep channels apart."""

    @property
    def all(self) -> frozenset[Place]:
        return self.mixing | self.apart


def is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, _ConvNd) and layer.groups == layer.in_channels == layer.out_channels > 1


class _Lost(Exception):
    """NaN came where it cannot be followed."""


def readers_of(
    model: nn.Module, path: str, channels: Sequence[int], batch: Batch, calls: Mapping[str, int]
) -> list[Readers]:
    """For each of a layer's output channels, in rising order; without any place where they cannot be followed."""
    arrived: dict[str, list[int]] = {}
    try:
        with _watched(model, path, channels, arrived, calls), torch.no_grad():
            output = model(*batch.args, **batch.kwargs)
    except Exception:  # NaN may make a user's forward raise anything
        return [Readers()] * len(channels)
    is_given = any(bool(leaf.isnan().any()) for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor))
    if is_given or any(len(places) % len(channels) for places in arrived.values()):
        return [Readers()] * len(channels)
    return [_readers(model, arrived, number, len(channels)) for number in range(len(channels))]


def _readers(model: nn.Module, arrived: Mapping[str, list[int]], number: int, channels: int) -> Readers:
    """Channels keep their order, and each has equally many places, side by side where it was flattened."""
    sides: dict[bool, set[Place]] = defaultdict(set)
    for path, places in arrived.items():
        each = len(places) // channels
        own = places[number * each : (number + 1) * each]
        sides[_mixes(model.get_submodule(path))].update((path, place) for place in own)
    return Readers(frozenset(sides[True]), frozenset(sides[False]))


def _mixes(layer: nn.Module) -> bool:
    return type(layer) in MIXING and not is_depthwise(layer)


@contextmanager
def _watched(
    model: nn.Module, path: str, channels: Sequence[int], arrived: dict[str, list[int]], calls: Mapping[str, int]
) -> Iterator[None]:
    """Hooks that put NaN into the layer's channels and note where it arrives; mixing layers are given zeros for it."""
    index = torch.tensor(channels)

    def spoil(_layer: nn.Module, _args: Any, output: Tensor) -> Tensor:
        return output.index_fill(1, index.to(output.device), torch.nan)

    def watch(name: str) -> Any:
        def hook(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if not any(isinstance(leaf, Tensor) and bool(leaf.isnan().any()) for leaf in pytree.tree_leaves(args)):
                return None
            arrived[name] = _places(layer, args, calls.get(name, 0))
            return (args[0].nan_to_num(),) if _mixes(layer) else None

        return hook

    own = {name: child for name, child in model.named_modules() if _has_weights(child)}
    handles = [child.register_forward_pre_hook(watch(name)) for name, child in own.items()]
    handles.append(model.get_submodule(path).register_forward_hook(spoil))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _has_weights(layer: nn.Module) -> bool:
    return any(True for _ in layer.parameters(recurse=False)) or isinstance(layer, _BatchNorm)


def _places(layer: nn.Module, args: tuple[Any, ...], calls: int) -> list[int]:
    """The channels of its only argument that are NaN; _Lost where some are in part, or it is no layer for this."""
    is_known = _mixes(layer) and getattr(layer, "groups", 1) == 1
    if not (is_known or _is_plain_norm(layer) or is_depthwise(layer)) or len(args) != 1 or calls != 1:
        raise _Lost
    value = args[0].movedim(-1, 0) if isinstance(layer, nn.Linear) else args[0].transpose(0, 1)
    spoiled = value.flatten(1).isnan()
    if bool((spoiled.any(1) != spoiled.all(1)).any()):
        raise _Lost
    return [int(place) for place in spoiled.all(1).nonzero()]


def _is_plain_norm(layer: nn.Module) -> bool:
    return type(layer) in NORMS and layer.running_mean is not None


def largest_inputs(model: nn.Module, paths: Collection[str], batch: Batch) -> dict[str, Tensor]:
    """By layer, the largest size of each channel that it reads, (in,)."""
    found: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(layer: nn.Module, args: tuple[Any, ...]) -> None:
            value = args[0].movedim(-1, 0) if isinstance(layer, nn.Linear) else args[0].transpose(0, 1)
            found[name] = value.flatten(1).abs().amax(1)

        return hook

    handles = [model.get_submodule(path).register_forward_pre_hook(note(path)) for path in paths]
    try:
        batch.through(model)
    finally:
        for handle in handles:
            handle.remove()
    return found
