"""Recognises torchvision's architectures by the names and shapes of their tensors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from analyzer.loading.checkpoints.tensor_names import spellings
from analyzer.values.counts import StoredTensor

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ClassDimension:
    """A dimension that grows with the number of classes: `factor` × classes + `offset`."""

    name: str
    axis: int
    factor: int
    offset: int = 0

    def classes(self, shapes: Shapes) -> int | None:
        """How many classes tensors of these shapes were made for; None when no number gives this dimension."""
        shape = shapes.get(self.name, ())
        if self.axis >= len(shape):
            return None
        classes, rest = divmod(shape[self.axis] - self.offset, self.factor)
        return classes if rest == 0 and classes > 0 else None


@dataclass(frozen=True, slots=True)
class Architecture:
    """One builder of torchvision with some arguments; the two hashes are those of `names_hash` and `shapes_hash`."""

    name: str
    arguments: Mapping[str, Any]
    names: str
    shapes: str
    classes: int | None = None
    """The builder's default of `num_classes`; None when it does not take any."""
    head: tuple[ClassDimension, ...] = ()


@dataclass(frozen=True, slots=True)
class Recognised:
    """The builder that makes a model with these very names and shapes; `name` and `arguments` are the zoo's."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[str, ...] = ()
    """Other builders whose models have the same tensors."""
    unused: tuple[str, ...] = ()
    """Tensors outside the model, for instance those of a loss."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences for the report."""
        call = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        recognised = f"Recognised as torchvision's {self.name}({call}) by the names and shapes of its tensors."
        others = f"The same tensors belong to {', '.join(self.alternatives)}; {self.name} was assumed."
        unused = f"{len(self.unused)} tensors outside it were not used, the first being {next(iter(self.unused), '')}."
        return (recognised, *([others] if self.alternatives else []), *([unused] if self.unused else []))


def recognise(tensors: Iterable[StoredTensor]) -> Recognised | None:
    """The torchvision architecture that has exactly these tensors, for any number of classes; None for any other."""
    stored = {tensor.name: tensor.shape for tensor in tensors}
    for _, names in spellings(list(stored)):
        found = _matching({new: stored[old] for old, new in names.items()})
        if found:
            (architecture, arguments), *others = found
            unused = tuple(name for name in stored if name not in names)
            alternatives = tuple(other.name for other, _ in others if other.name != architecture.name)
            return Recognised(architecture.name, arguments, alternatives, unused)
    return None


def _matching(shapes: Shapes) -> list[tuple[Architecture, dict[str, Any]]]:
    """Every architecture with these shapes and the arguments that give them, in the order of the index."""
    found = []
    for architecture in architectures().get(names_hash(shapes), ()):
        counts = {dimension.classes(shapes) for dimension in architecture.head}
        if None in counts or len(counts) > 1 or shapes_hash(shapes, architecture.head) != architecture.shapes:
            continue
        changed = [("num_classes", classes) for classes in counts if classes != architecture.classes]
        found.append((architecture, {**architecture.arguments, **dict(changed)}))
    return found


@cache
def architectures() -> dict[str, tuple[Architecture, ...]]:
    """The index that the package ships, by the hash of names."""
    found: dict[str, tuple[Architecture, ...]] = {}
    text = (files("analyzer.loading.zoos") / "architectures.json").read_text()
    for row in json.loads(text)["architectures"]:
        head = tuple(ClassDimension(*dimension) for dimension in row.pop("head"))
        architecture = Architecture(**row, head=head)
        found[architecture.names] = (*found.get(architecture.names, ()), architecture)
    return found


def names_hash(shapes: Shapes) -> str:
    """Equal for equal sets of names, counters of batches left out."""
    return _hash(_kept(shapes))


def shapes_hash(shapes: Shapes, head: Iterable[ClassDimension]) -> str:
    """Equal for equal names and shapes, without the dimensions in `head`, which depend on the number of classes."""
    free = {(dimension.name, dimension.axis) for dimension in head}
    return _hash(
        f"{name}:{','.join('*' if (name, axis) in free else str(size) for axis, size in enumerate(shapes[name]))}"
        for name in _kept(shapes)
    )


def _kept(shapes: Shapes) -> list[str]:
    return sorted(name for name in shapes if not name.endswith("num_batches_tracked"))


def _hash(lines: Iterable[str]) -> str:
    return blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
