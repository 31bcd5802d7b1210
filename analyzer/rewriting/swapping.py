"""Puts modules in the place of those that proposals replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import nn

from analyzer.rewriting.constructors import Made, module_of
from analyzer.rewriting.eligibility import replaceable
from analyzer.rewriting.module_places import all_places, layer_at
from analyzer.rewriting.sibling_proposals import cannot_be_followed, siblings_in
from analyzer.rewriting.siblings import merged_siblings
from analyzer.values.convolution import PartOf, Proposal, Unit


def restructure(module: nn.Module, proposals: Iterable[Proposal]) -> nn.Module:
    """The module with the proposals' layers in place and fresh weights in them; it is altered, so hand in a copy.

    On the meta device nothing is allocated. Problem where a layer cannot be replaced.
    """
    listed = list(proposals)
    layers, known = replaceable(module, listed), Made()
    wanted = (pair for proposal in listed for pair in made_anew(proposal))
    return put(module, {path: module_of(units, layers[path], module, known) for path, units in wanted}, listed)


@contextmanager
def restructured(module: nn.Module, proposals: Iterable[Proposal]) -> Iterator[nn.Module]:
    """As `restructure` makes it while the block runs; afterwards the layers are those that were there."""
    kept = [(parent._modules, dict(parent._modules)) for parent in module.modules()]
    try:
        yield restructure(module, proposals)
    finally:
        for children, before in kept:
            if [*map(id, children.values())] != [*map(id, before.values())]:
                children.clear()
                children.update(before)


def made_anew(proposal: Proposal) -> Iterator[tuple[str, tuple[Unit, ...]]]:
    """The layers that something takes the place of, with what does; the others are part of what is put elsewhere."""
    return ((path, units) for path, units in proposal.replacements if units and not isinstance(units[0], PartOf))


def put(module: nn.Module, replacements: Mapping[str, nn.Module], proposals: Sequence[Proposal] = ()) -> nn.Module:
    """The module with these in place, each wherever the layer at its path occurs, and with proposals' siblings merged.

    Problem where a forward cannot be followed to the siblings.
    """
    _place(module, replacements)
    module = replacements.get("", module)
    for found in siblings_in(proposals):
        around = layer_at(module, found.holder)
        try:
            merged = merged_siblings(around, found.layers, found.channels)
        except Exception as error:  # whatever torch.fx, or a user's forward with a stand-in for a tensor, raises
            raise cannot_be_followed(found) from error
        _place(module, {found.holder: merged})
        module = module if found.holder else merged
    return module


def _place(module: nn.Module, replacements: Mapping[str, nn.Module]) -> None:
    places = all_places(module)
    found = [(places.get(id(layer_at(module, path)), ()), new) for path, new in replacements.items()]
    for spots, replacement in found:
        for parent, name in spots:
            parent._modules[name] = replacement
