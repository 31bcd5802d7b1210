"""Which layers a proposal may replace: those that nothing else refers to, and of which nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.loading.meta_copy import MetaTensors, copy_with
from analyzer.rewriting.constant_weights import always_reads_the_same
from analyzer.rewriting.module_places import layer_at
from analyzer.rewriting.replaceability import HOOKS, children_after, reason_against, reason_against_factoring
from analyzer.rewriting.sibling_proposals import Siblings, cannot_be_followed, siblings_in
from analyzer.rewriting.siblings import SiblingTracer, calls_of, calls_that_merge
from analyzer.values.convolution import Convolution, Identity, Linear, Proposal, Submodule, Unit
from analyzer.values.errors import Problem

Role = Literal["replaced", "removed", "around", "taken over"]
"""What becomes of a layer; where the module around some takes them over, that one is replaced as a whole."""


def replaceable(module: nn.Module, proposals: Iterable[Proposal]) -> dict[str, nn.Module]:
    """By path, the layers that proposals replace; Problem for the first that cannot be without changing another."""
    return _replaceable(module, proposals, _Elsewhere.of(module))


def accepts(module: nn.Module) -> Callable[[Proposal], bool]:
    """Whether `replaceable` lets a proposal alone into the module: nothing that it refuses is to be advised."""
    elsewhere = _Elsewhere.of(module)

    def accepted(proposal: Proposal) -> bool:
        try:
            return bool(_replaceable(module, [proposal], elsewhere))
        except Problem:
            return False

    return accepted


@dataclass(frozen=True)
class _Elsewhere:
    """What else refers to layers and their tensors, so that replacing a layer in its place is not enough."""

    storages: Counter[Any]
    """How many tensors of distinct modules lie in each piece of memory."""
    aside: frozenset[int]
    """By id, modules that more than the registration of one holds: its list, tuple or dictionary, or torch.compile."""
    known: dict[int, str] = field(default_factory=dict)
    """By id of a layer, why it cannot be replaced for the sake of others; a layer is asked about for many proposals."""
    followed: dict[Hashable, fx.Graph | None] = field(default_factory=dict)
    """Forwards of modules that hold siblings, as far as torch.fx could follow them."""

    @classmethod
    def of(cls, module: nn.Module) -> _Elsewhere:
        """Asked once of a module, for all of its layers."""
        children = [child for child in module.modules() if not isinstance(child, torch.jit.ScriptModule)]
        storages = Counter(_memory(tensor) for child in children for tensor in _own_tensors(child))
        held = [value for child in children for name, value in vars(child).items() if name not in TABLES]
        held += [child._modules.get("_orig_mod") for child in children]  # torch.compile calls the one that it was given
        return cls(storages, frozenset(id(layer) for value in held for layer in _modules_in(value)))

    def reason_against(self, layer: nn.Module) -> str:
        """Of all that is in the layer: what it holds goes with it."""
        if id(layer) not in self.known:
            self.known[id(layer)] = self._reason_against(layer)
        return self.known[id(layer)]

    def _reason_against(self, layer: nn.Module) -> str:
        if id(layer) in self.aside:
            return "it is also held elsewhere, by torch.compile or in a plain list, and would still run from there"
        own = Counter(_memory(tensor) for child in layer.modules() for tensor in _own_tensors(child))
        shared = any(self.storages[memory] != count for memory, count in own.items())
        return "another layer uses its weights too" if shared else ""

    def refuse_merging(self, holder: nn.Module, found: Siblings) -> None:
        """Problem unless the module's forward can be written anew with one convolution in the place of the siblings."""
        inner = SiblingTracer(holder, found.layers).holders
        written = [holder, *(layer_at(holder, path) for path in inner)]
        hooked = any(getattr(module, hooks) for module in written for hooks in HOOKS)
        if hooked or any(id(module) in self.aside for module in written):
            raise cannot_be_followed(found)
        key = (id(holder), frozenset(inner))
        if key not in self.followed:
            self.followed[key] = _followed(holder, found.layers)
        graph = self.followed[key]
        try:
            calls_that_merge(graph or fx.Graph(), found.layers)
        except ValueError as error:
            raise cannot_be_followed(found) from error


def _followed(holder: nn.Module, layers: Sequence[str]) -> fx.Graph | None:
    """Of a copy: values of the tracer may be left in it."""
    try:
        return calls_of(copy_with(holder, MetaTensors()), layers)
    except Exception:  # whatever torch.fx, or a user's forward with a stand-in for a tensor, raises
        return None


TABLES = frozenset(vars(nn.Module()))
"""Attributes that every module has: registered children, tensors and hooks."""


def _modules_in(value: Any) -> Iterator[nn.Module]:
    """The module that an attribute is, or those in the list, tuple or dictionary that it is."""
    if isinstance(value, dict):
        value = list(value.values())
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, nn.Module):
            yield item


def _replaceable(module: nn.Module, proposals: Iterable[Proposal], elsewhere: _Elsewhere) -> dict[str, nn.Module]:
    layers: dict[str, nn.Module] = {}
    owners: dict[int, str] = {}
    listed = list(proposals)
    for found in siblings_in(listed):
        elsewhere.refuse_merging(layer_at(module, found.holder), found)
    for path, units, role in _wanted(listed):
        layer = layer_at(module, path)
        if id(layer) in owners:
            raise Problem(f"{path}: two proposals would replace this layer; choose one of them")
        owners[id(layer)] = path
        reason = REASONS[role](layer, units) or elsewhere.reason_against(layer)
        if reason:
            raise Problem(f"{path or type(layer).__name__} cannot be replaced: {reason}; leave this layer out")
        layers[path] = layer
    return layers


def _wanted(proposals: Iterable[Proposal]) -> Iterator[tuple[str, tuple[Unit, ...], Role]]:
    """Each layer with what is to take its place, and what its proposal does with it."""
    for proposal in proposals:
        units = [unit for _, units in proposal.replacements for unit in units]
        merges = any(not units for _, units in proposal.replacements)
        role: Role = "removed" if all(isinstance(unit, Identity) for unit in units) else "replaced"
        for path, own in proposal.replacements:
            yield path, own, ("around" if own else "taken over") if merges else role


def _reason_against_removing(layer: nn.Module, _: Sequence[Unit]) -> str:
    """A module with all that is in it."""
    is_hooked = any(getattr(child, hooks) for child in layer.modules() for hooks in HOOKS)
    return "hooks are attached to it" if is_hooked else ""


def _reason_against(layer: nn.Module, units: Sequence[Unit]) -> str:
    if all(isinstance(unit, Identity) for unit in units) and not any(True for _ in layer.parameters()):
        attached = _reason_against_removing(layer, units)
        return attached or (_unkept(layer, units) if isinstance(layer, _BatchNorm) else "")
    linear = layer if isinstance(layer, nn.Linear) and all(isinstance(unit, Linear) for unit in units) else None
    reason = reason_against(layer) if linear is None else reason_against_factoring(linear)
    if reason and _is_plain_form(units, layer) and always_reads_the_same(layer):
        return ""  # the plain layer may hold the constant weight that it computes
    return reason or (_unkept(layer, units) if linear is None else "")


def _is_plain_form(units: Sequence[Unit], layer: nn.Module) -> bool:
    """Whether one plain layer of the same shape is to take the layer's place."""
    match units:
        case [Convolution() as unit]:
            names: tuple[str, ...] = ("in_channels", "out_channels", "kernel_size", "stride", "groups")
            wanted: list[object] = [unit.in_channels, unit.out_channels, unit.kernel, unit.stride, unit.groups]
        case [Linear() as unit]:
            names, wanted = ("in_features", "out_features"), [unit.in_features, unit.out_features]
        case _:
            return False
    return [getattr(layer, name, None) for name in names] == wanted


def _unkept(layer: nn.Module, units: Sequence[Unit]) -> str:
    """A normalization that also activates may only go where its activation stays."""
    children = children_after(layer) if isinstance(layer, _BatchNorm) else ()
    kept = tuple(unit.path.rpartition(".")[2] for unit in units if isinstance(unit, Submodule))
    return "" if children == kept else f"it also runs {', '.join(children or ())}"


REASONS: Mapping[Role, Callable[[nn.Module, Sequence[Unit]], str]] = {
    "removed": _reason_against_removing,
    "around": _reason_against_removing,
    "taken over": _reason_against,
    "replaced": _reason_against,
}


def _own_tensors(layer: nn.Module) -> Iterator[torch.Tensor]:
    """Each once, though it may have several names."""
    for table in (layer._parameters, layer._buffers):
        yield from {id(tensor): tensor for tensor in table.values() if tensor is not None}.values()


def _memory(tensor: torch.Tensor) -> Any:
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError, ValueError):  # without storage, as a quantized or (ValueError) lazy one
        return id(tensor)
