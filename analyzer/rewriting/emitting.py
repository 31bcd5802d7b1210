"""Writes the Python file that builds the user's model and swaps its layers, as one would write it by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import getsource
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from analyzer.rewriting import siblings
from analyzer.rewriting.constant_weights import kind_of
from analyzer.rewriting.constructors import call_of, module_of
from analyzer.rewriting.eligibility import replaceable
from analyzer.rewriting.module_places import places_of
from analyzer.rewriting.replaceability import reason_for_kind
from analyzer.rewriting.sibling_proposals import siblings_in
from analyzer.rewriting.swapping import made_anew
from analyzer.values.convolution import Proposal, Submodule, Unit

if TYPE_CHECKING:
    from analyzer.loading.python.origin import Origin
    from analyzer.values.counts import Input


MERGING_IMPORTS = (
    "from collections.abc import Callable, Sequence",
    "from itertools import accumulate",
    "from typing import Any",
)


@dataclass(frozen=True, slots=True)
class EmittedSwap:
    """A proposal and what is said of it: the rule, what it saves, where the layer was written."""

    proposal: Proposal
    comment: str


def code(
    module: nn.Module,
    swaps: Sequence[EmittedSwap],
    origin: Origin,
    path: Path,
    title: str,
    inputs: Sequence[Input] = (),
    wrappers: Sequence[str] = (),
) -> str:
    """The text of a file at `path` whose `build_model()` is the model of `origin` with these swaps.

    `module` is the model itself, without values or with them, which `wrappers` lead to from what the origin builds;
    `inputs` are written down as example inputs where the origin has none. Problem where a layer cannot be replaced.
    """
    layers = replaceable(module, [swap.proposal for swap in swaps])
    body = [line for swap in swaps for line in ("", *_swap(module, swap, layers))]
    merges = list(_merges(module, [swap.proposal for swap in swaps]))
    body += ["", *merges] if merges else []
    examples = _examples(origin, inputs)
    needs_torch = any("torch." in line for line in (*body, *examples))
    lines = [
        f'"""{_in_one_line(title)}"""',
        "",
        *_imports(origin, path, needs_torch, bool(merges)),
        *(("", *examples) if examples else ()),
        *(("", "", *_source_of_merging()) if merges else ()),
        "",
        "",
        "def build_model() -> nn.Module:",
        f"    model = {'.'.join((origin.expression, *wrappers))}",
        *(f"    {line}" if line else "" for line in body),
        "",
        "    return model",
    ]
    return "\n".join(lines) + "\n"


def _in_one_line(text: str) -> str:
    """So that no name of a model or a file can become code."""
    return " ".join(text.replace('"', "'").replace("\\", "/").split())


def _merges(module: nn.Module, proposals: Sequence[Proposal]) -> Iterator[str]:
    for found in siblings_in(proposals):
        place = _at(module, found.holder)
        yield f"{place} = merged_siblings({place}, {list(found.layers)}, {list(found.channels)})"


def _source_of_merging() -> list[str]:
    """What merges siblings, without the analyzer."""
    return getsource(siblings).partition("\n\n\n")[2].splitlines()


def _imports(origin: Origin, path: Path, needs_torch: bool, merges: bool) -> Iterator[str]:
    """The import path is only touched where the origin does not lie beside the file."""
    folders = [folder for folder in origin.folders if folder != path.absolute().parent]
    own = [line for line in origin.imports if "original" in line]
    standard = [line for line in origin.imports if line not in own and line in ("import copy", "import importlib")]
    zoo = [line for line in origin.imports if line not in own and line not in standard]
    if folders:
        standard += ["import sys", "from pathlib import Path"]
    if merges:
        standard = ["import operator", *standard, *MERGING_IMPORTS]
    if standard:
        yield from (*standard, "")
    from_torch = "from torch import Tensor, fx, nn" if merges else "from torch import nn"
    yield from (*(("import torch",) if needs_torch else ()), from_torch, *zoo)
    if own:
        yield ""
    for folder in folders:
        yield f"sys.path.insert(0, str(Path(__file__).parent / {_relative(folder, path)}))"
    yield from own


def _relative(folder: Path, path: Path) -> str:
    """In double quotes, unless the name of a folder has some."""
    text = Path(os.path.relpath(folder, path.absolute().parent)).as_posix()
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'


def _examples(origin: Origin, inputs: Sequence[Input]) -> list[str]:
    if origin.examples is not None:
        return [f"example_inputs = {origin.examples}"]
    if not inputs or not all(item.name.isidentifier() for item in inputs):
        return []
    dtypes = ("" if item.dtype == "float32" else f", dtype=torch.{item.dtype}" for item in inputs)
    pairs = zip(inputs, dtypes, strict=True)
    tensors = (f'"{item.name}": torch.zeros({", ".join(map(str, item.shape))}{dtype})' for item, dtype in pairs)
    return [f"example_inputs = {{{', '.join(tensors)}}}"]


def _swap(module: nn.Module, swap: EmittedSwap, layers: dict[str, nn.Module]) -> Iterator[str]:
    yield f"# {_in_one_line(swap.comment)}"
    for path, units in made_anew(swap.proposal):
        is_computed = kind_of(layers[path]) is not None and reason_for_kind(layers[path])
        if not is_computed and repr(module_of(units, layers[path], module)) == repr(layers[path]):
            continue  # it only hands over its weights
        places = " = ".join(_place(module, parent, name) for parent, name in places_of(module, path)) or "model"
        first, *rest = _made(module, units, layers[path])
        yield f"{places} = {first}"
        yield from rest


def _made(module: nn.Module, units: Sequence[Unit], like: nn.Module) -> list[str]:
    parameter = next(like.parameters(), None)
    frozen = ".requires_grad_(False)" if parameter is not None and not parameter.requires_grad else ""
    calls = [_at(module, unit.path) if isinstance(unit, Submodule) else call_of(unit, like).code for unit in units]
    if len(calls) == 1:
        return [calls[0] + frozen]
    return ["nn.Sequential(", *(f"    {call}," for call in calls), f"){frozen}"]


def _place(module: nn.Module, parent: nn.Module, name: str) -> str:
    """`model.layer1[0].conv2` for the child `conv2` of the parent at `layer1.0`."""
    path = next(path for path, child in module.named_modules() if child is parent)
    return _at(module, f"{path}.{name}" if path else name)


def _at(module: nn.Module, path: str) -> str:
    text = "model"
    for part in path.split(".") if path else ():
        child = module._modules[part]
        text += _step(module, part)
        module = child if child is not None else module
    return text


def _step(parent: nn.Module, name: str) -> str:
    if name.isidentifier() and not iskeyword(name):
        return f".{name}"
    is_list = isinstance(parent, nn.Sequential | nn.ModuleList)
    if is_list and name.isdecimal() and list(parent._modules).index(name) == int(name):
        return f"[{name}]"
    return f"[{name!r}]" if isinstance(parent, nn.ModuleDict) else f"._modules[{name!r}]"
