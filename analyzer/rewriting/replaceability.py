"""Which layers nothing can take the place of, and what a normalization runs on what it normalized."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from analyzer.loading.meta_copy import SHARED, copy_with, is_empty
from analyzer.rewriting.constant_weights import always_reads_the_same
from analyzer.rewriting.copying import copied

PLAIN = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
TOLERANCE = 1e-9
"""Relative, in double precision: the same arithmetic in another order."""
CHILDREN: dict[Hashable, tuple[str, ...] | None] = {}
"""What was found of normalizations: a network has dozens that are alike."""
MOST_KNOWN = 1000
SHAPES = {nn.BatchNorm1d: (5,), nn.BatchNorm2d: (5, 4), nn.BatchNorm3d: (5, 4, 3)}


@dataclass(frozen=True)
class Replaceability:
    """What the modules themselves tell, which no operator shows."""

    fixed: frozenset[str]
    """Convolutions, normalizations and linear layers that nothing can take the place of."""
    kept: Mapping[str, tuple[str, ...]]
    """Children that a normalization calls after normalizing, its activation say: to be kept when it is folded."""
    recomputing: Mapping[str, str]
    """Classes of the convolutions and linear layers that compute a weight which no input changes."""


def replaceability(module: nn.Module) -> Replaceability:
    """Asked of every convolution, batch normalization and linear layer; none of them is altered."""
    fixed, kept, recomputing = set(), {}, {}
    places = dict(_layers(module))
    for path, layer in places.items():
        if layer is None or reason_for_kind(layer):
            fixed.add(path)
            if layer is not None and always_reads_the_same(layer):
                recomputing[path] = _kind(layer)
        elif isinstance(layer, _BatchNorm) and (children := children_after(layer)):
            kept[path] = children
    return Replaceability(frozenset(fixed), kept, recomputing)


def runs_layers(module: nn.Module) -> bool:
    """Whether `replaceability` runs the forward of a layer whose class is not torch's own."""
    layers = (layer for _, layer in _layers(module) if layer is not None)
    return any(not type(layer).__module__.startswith("torch.nn.modules.") for layer in layers)


def _kind(layer: nn.Module) -> str:
    """The name of its class, or of torch's own where a parametrization made it."""
    own = type(layer).__mro__[1] if parametrize.is_parametrized(layer) else type(layer)
    return own.__name__ if not issubclass(own, nn.Linear) or own.__name__.endswith("Linear") else "Linear"


def _layers(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module | None]]:
    """By every path; None in the place of a scripted module, into which nothing can be put."""
    if isinstance(module, torch.jit.ScriptModule):
        yield from ((_joined(path, name), None) for name, _ in module.named_modules())
        return
    if isinstance(module, _ConvNd | _BatchNorm | nn.Linear):
        yield path, module
    for name, child in module._modules.items():
        if child is not None:
            yield from _layers(child, _joined(path, name))


def _joined(path: str, name: str) -> str:
    return ".".join(filter(None, (path, name)))


def reason_for_kind(layer: nn.Module) -> str:
    """Why nothing of its kind can take the layer's place; empty where something can."""
    return reason_against_factoring(layer) if isinstance(layer, nn.Linear) else reason_against(layer)


def reason_against(layer: nn.Module) -> str:
    """Why nothing can take the layer's place, as the end of a sentence; empty where something can."""
    if reason := _attached(layer):
        return reason
    if isinstance(layer, _BatchNorm):
        return "" if children_after(layer) is not None else "its class has a forward of its own"
    return _reason_against_convolution(layer)


def reason_against_factoring(layer: nn.Linear) -> str:
    """Why linear layers in a row cannot take the layer's place; empty where they can."""
    own = type(layer).forward is not nn.Linear.forward or "forward" in vars(layer)
    return _attached(layer) or ("its class has a forward of its own" if own else "")


def _attached(layer: nn.Module) -> str:
    if parametrize.is_parametrized(layer):
        return "its weight is computed by a parametrization"
    if any(getattr(layer, hooks) for hooks in HOOKS):
        return "hooks such as weight normalization are attached to it"
    return ""


def _reason_against_convolution(layer: nn.Module) -> str:
    plain = next((kind for kind in PLAIN if isinstance(layer, kind)), None)
    if plain is None or not isinstance(layer, _ConvNd):
        return f"{type(layer).__name__} is neither a convolution nor a normalization of torch"
    if type(layer).forward is not plain.forward or type(layer)._conv_forward is not plain._conv_forward:
        return "its class has a forward of its own"
    if "forward" in vars(layer):
        return "its forward was replaced"
    return "" if layer.padding_mode == "zeros" else f"it pads with {layer.padding_mode}"


def children_after(norm: _BatchNorm) -> tuple[str, ...] | None:
    """Children that the layer calls, in this order, on what plain batch normalization gives; None where it does else.

    A class with a forward of its own is run on random values, in a copy, beside the plain one followed by them.
    """
    if type(norm).forward is _BatchNorm.forward and "forward" not in vars(norm):
        return ()
    kind = _likeness(norm)
    if kind is None:
        return _children_that_run(norm)
    if kind not in CHILDREN:
        if len(CHILDREN) == MOST_KNOWN:
            CHILDREN.clear()
        CHILDREN[kind] = _children_that_run(norm)
    return CHILDREN[kind]


def _children_that_run(norm: _BatchNorm) -> tuple[str, ...] | None:
    names = tuple(name for name, child in norm.named_children() if type(child) is not nn.Identity)
    try:
        with torch.random.fork_rng(devices=[]):
            return names if _is_plain_then(norm, names) else None
    except Exception:  # whatever a user's forward raises
        return None


def _likeness(module: nn.Module) -> Hashable:
    """Equal for modules that differ in the values of their tensors at most; None where an attribute does not tell."""
    parts: list[Any] = [type(module), type(module).forward]
    for name, value in vars(module).items():
        if name in ("_parameters", "_buffers"):
            parts.append(tuple((key, None if t is None else (t.shape, t.dtype)) for key, t in value.items()))
        elif name == "_modules":
            children = [(key, _likeness(child)) for key, child in value.items() if child is not None]
            if any(likeness is None for _, likeness in children):
                return None
            parts.append(tuple(children))
        elif type(value) in SHARED:
            parts.append((name, type(value), value))
        elif not is_empty(value):
            return None
    return tuple(parts)


def _is_plain_then(norm: _BatchNorm, names: tuple[str, ...]) -> bool:
    layer = copy_with(norm, _random_values).eval()
    assert isinstance(layer, _BatchNorm)
    value = torch.randn(2, norm.num_features, *_sizes(norm), dtype=torch.double)
    statistics = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    with torch.no_grad():
        expected = nn.functional.batch_norm(value.clone(), *statistics, eps=layer.eps)
        for name in names:
            expected = layer.get_submodule(name)(expected)
        found = copied(layer)(value.clone())
    return found.shape == expected.shape and bool((found - expected).norm() <= TOLERANCE * expected.norm())


def _sizes(norm: _BatchNorm) -> tuple[int, ...]:
    return next((sizes for kind, sizes in SHAPES.items() if isinstance(norm, kind)), SHAPES[nn.BatchNorm2d])


def _random_values(tensor: torch.Tensor) -> torch.Tensor:
    """In double precision and above zero, so that they can be variances."""
    return torch.rand(tensor.shape, dtype=torch.double) + 0.5 if tensor.is_floating_point() else torch.ones_like(tensor)
