"""Layers in the modules that hold them, and how deep a page can show them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from analyzer.values.counts import Layer
from analyzer.values.layer_patterns import lineage

BINS: Final = 1000
"""Of neighbours that are more than may be shown, so many groups are made."""


@dataclass(slots=True)
class Module:
    """A module with what it alone owns, and its children in execution order."""

    name: str
    depth: int
    layer: Layer | None = None
    children: dict[str, Module] = field(default_factory=dict)

    def below(self) -> Iterator[Module]:
        """All modules below it, children before those that hold them."""
        found, waiting = list[Module](), list(self.children.values())
        while waiting:
            found.append(waiting.pop())
            waiting.extend(found[-1].children.values())
        return reversed(found)


def module_tree(layers: Sequence[Layer]) -> Module:
    """The layers in their modules, those without a row of their own included."""
    root = Module("", 0)
    for layer in layers:
        module = root
        for depth, path in enumerate(lineage(layer.path), 1):
            name = path.rpartition(".")[2]
            module = module.children.setdefault(name, Module(name, depth))
        module.layer = layer
    return root


def _bin(module: Module) -> None:
    """Puts groups of neighbours, named by the first and the last, between the module and its children."""
    children = list(module.children.values())
    step = -(-len(children) // BINS)
    module.children = {}
    for start in range(0, len(children), step):
        part = children[start : start + step]
        group = Module(f"{part[0].name} … {part[-1].name}", module.depth + 1, children={kid.name: kid for kid in part})
        for below in group.below():
            below.depth += 1
        module.children[group.name] = group


def deepest_shown(root: Module, most: int) -> int:
    """The depth down to which there are at most so many modules; neighbours that alone are more are put in groups."""
    for module in [*root.below(), root]:
        if len(module.children) > most:
            _bin(module)
    by_depth: dict[int, int] = {}
    for module in root.below():
        by_depth[module.depth] = by_depth.get(module.depth, 0) + 1
    number, deepest = 1, 0
    for depth in sorted(by_depth):
        number += by_depth[depth]
        if number > most:
            break
        deepest = depth
    return deepest
