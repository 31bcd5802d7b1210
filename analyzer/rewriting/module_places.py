"""Where in a module its layers are registered."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

from analyzer.values.errors import Problem

Places = dict[int, list[tuple[nn.Module, str]]]


def all_places(module: nn.Module) -> Places:
    """By id of a layer, every parent and name under which it is registered."""
    places: Places = defaultdict(list)
    for parent in module.modules():
        for name, child in parent._modules.items():
            places[id(child)].append((parent, name))
    return places


def places_of(module: nn.Module, path: str) -> list[tuple[nn.Module, str]]:
    """Every parent and name under which the layer at that path is registered."""
    return all_places(module)[id(layer_at(module, path))]


def layer_at(module: nn.Module, path: str) -> nn.Module:
    """The module at that path; Problem when there is none, or it is scripted."""
    layer = module
    for name in path.split(".") if path else ():
        if isinstance(layer, torch.jit.ScriptModule):
            break
        child = layer._modules.get(name)
        if child is None:
            raise Problem(f"{type(module).__name__} has no layer {path!r}; take paths from its own report")
        layer = child
    if isinstance(layer, torch.jit.ScriptModule):
        raise Problem(f"{path} cannot be replaced: it is inside a scripted module; give the module that was scripted")
    return layer
