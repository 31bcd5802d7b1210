"""Inputs whose sizes have names, as in images=BATCHx3xHxW: the example's are given, or found as inputs are guessed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analyzer.loading.inputs.example_inputs import WrittenInput, bound_names, given, read
from analyzer.loading.loaded_model import Inputs, dtype_name
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from torch import nn

MOST = 40
"""Examples that are worth a trial."""
WHOLE = ("int", "uint", "bool")
Pair = tuple[str, WrittenInput, Any]
"""The text of an input, its parts, and the tensor that inference has in its place."""
Example = tuple[dict[str, int], tuple[str, ...]]
"""Sizes by name, and the texts of all inputs."""


def asked(
    specs: Sequence[str], module: nn.Module, like: Sequence[Inputs], inferred: Callable[[], Sequence[Inputs]]
) -> tuple[Inputs, ...]:
    """The inputs of `--input` texts; with names of sizes one for each example that inference has for them.

    A text such as "H=224" says the size of a name that another text uses. Problem where a size cannot be found.
    """
    items = {spec: read(spec) for spec in specs}
    used = {axis for item in items.values() for axis in item.axes if isinstance(axis, str)}
    sizes = {str(item.name): int(item.axes[0]) for item in items.values() if _is_size(item, used)}
    texts = [spec for spec in specs if not _is_size(items[spec], used)]
    whole = given(texts, module, like, dict.fromkeys(used, 1) | sizes)
    if not used:
        return (whole,)
    written = {spec: items[spec] for spec in texts}
    guesses = [(found | sizes, full) for found, full in _examples(written, module, inferred())]
    examples = [*guesses, (sizes, tuple(texts))]
    known = [example for example in examples if used <= example[0].keys()]
    if not known:
        name = min(used - examples[0][0].keys())
        text = " ".join(f"--input {spec}" for spec in texts)
        raise Problem(f"{text}: no size of {name} is known to begin with; give one as well, such as --input {name}=64")
    unique = {(tuple(found.items()), full): found for found, full in known}
    return tuple(given(full, module, like, found) for (_, full), found in [*unique.items()][:MOST])


def _is_size(item: WrittenInput, used: Collection[str]) -> bool:
    return item.name in used and len(item.axes) == 1 and isinstance(item.axes[0], int)


def _examples(written: Mapping[str, WrittenInput], module: nn.Module, inferred: Sequence[Inputs]) -> list[Example]:
    """From every inferred input, those first that have the numbers which are written."""
    found = []
    for inputs in inferred:
        pairs = list(_pairs(written, module, inputs))
        axes = [axis for _, item, leaf in pairs for axis in zip(item.axes, leaf.shape, strict=True)]
        sizes = {axis: int(size) for axis, size in reversed(axes) if isinstance(axis, str)}
        kinds = {spec: kind for spec, item, leaf in pairs if not item.dtype and (kind := _whole_numbers(leaf))}
        others = sum(axis != size for axis, size in axes if isinstance(axis, int))
        found.append((others, (sizes, tuple(f"{spec}:{kinds[spec]}" if spec in kinds else spec for spec in written))))
    return [example for _, example in sorted(found, key=lambda each: each[0])]


def _whole_numbers(leaf: Any) -> str:
    """The data type of integers, which a text need not say again; empty for others."""
    name = dtype_name(leaf.dtype)
    return name if name.startswith(WHOLE) else ""


def _pairs(written: Mapping[str, WrittenInput], module: nn.Module, inputs: Inputs) -> Iterator[Pair]:
    """Each text with the inferred tensor in its place, where both have as many dimensions."""
    positional = tuple((spec, item) for spec, item in written.items() if item.name is None)
    named = {item.name: (spec, item) for spec, item in written.items() if item.name is not None}
    args = tuple(inputs.args)
    in_a_list = bool(args) and isinstance(args[0], list)
    rows: Mapping[Any, Any] = dict(enumerate(positional)) if in_a_list else bound_names(module, positional, named)
    leaves: Mapping[Any, Any] = dict(enumerate(args[0])) if in_a_list else bound_names(module, args, inputs.kwargs)
    for name, (spec, item) in rows.items():
        leaf = leaves.get(name)
        if len(getattr(leaf, "shape", ())) == len(item.axes):
            yield spec, item, leaf
