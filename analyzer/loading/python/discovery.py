"""Which of the things that a file or module defines is its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from time import process_time
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from analyzer.loading.python.builder_arguments import bound, missing, signature_of
from analyzer.loading.python.builder_example import refuse_configuration
from analyzer.loading.python.file_candidates import FileCandidates, candidates_in, defined_in, distinct
from analyzer.loading.recipe import is_module
from analyzer.values.errors import Problem

BUILDERS = ("build_model", "get_model", "create_model", "build")
SHOWN = 12
"""Choices in a sentence; the rest is counted."""
PATIENCE = 5.0
"""Seconds for building the choices to tell their sizes."""
FETCHING = ("pretrained", "weights", "download")
"""Arguments that make a builder load weights, unless they are empty."""


class Choice(NamedTuple):
    """The model, class or builder, and a sentence when others were passed over."""

    thing: Any
    said: tuple[str, ...] = ()


def model_in(module: ModuleType, where: str, name: str, settings: Mapping[str, str]) -> Choice:
    """That of the name; without a name the one that stands out; Problem when none does."""
    return Choice(_attribute(module, name, where)) if name else _discovered(module, where, settings)


def built_from(thing: Any, module: ModuleType, where: str, settings: Mapping[str, str]) -> Any:
    """The `nn.Module` that a module, a class or a function stands for; Problem when it is none or needs more."""
    if is_module(thing):
        if settings:
            raise Problem(f"{where} is built already, so --set {next(iter(settings))} cannot reach it")
        return thing
    if not callable(thing):
        raise Problem(f"{where} is {_a(type(thing))}, not a model; name a torch.nn.Module or a function returning one")
    refuse_configuration(thing, module, where, settings)
    model = thing(**bound(thing, settings, where))
    if not is_module(model):
        raise Problem(f"{where} returned {_a(type(model))}, not a torch.nn.Module")
    return model


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[0].lower() in 'aeiou' else 'a'} {kind.__name__}"


def _attribute(module: ModuleType, name: str, where: str) -> Any:
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        offers = _offers(module, where)
        instead = f"; it defines {offers}" if offers else ""
        raise Problem(f"{where} has no attribute {name!r}{instead}") from None


def _offers(module: ModuleType, where: str) -> str:
    models = [name for name, value in vars(module).items() if is_module(value)]
    found = candidates_in(module)
    names = dict.fromkeys((*models, *_named_builders(module), *found.functions, *found.classes))
    return ", ".join(f"{where}:{name}" for name in names)


def _named_builders(module: ModuleType) -> list[str]:
    return distinct(module, [name for name in BUILDERS if defined_in(module, name, FunctionType)])


def _discovered(module: ModuleType, where: str, settings: Mapping[str, str]) -> Choice:
    """`model`, else a builder function, else what builds without arguments and holds the other candidates."""
    model = vars(module).get("model")
    if is_module(model):
        return Choice(model)
    builders = _named_builders(module)
    if len(builders) == 1:
        return Choice(vars(module)[builders[0]])
    if builders:
        raise _several(module, where, builders, settings)
    return _among(candidates_in(module), module, where, settings)


def _among(found: FileCandidates, module: ModuleType, where: str, settings: Mapping[str, str]) -> Choice:
    """A class before a function, as the documentation says; one that needs arguments only where nothing else is."""
    every = vars(module)
    outermost = found.outermost(found.classes)
    ready = [name for name in outermost if not missing(every[name], settings)]
    needy = [name for name in outermost if name not in ready]
    functions = list(found.outermost(tuple(name for name in found.functions if not missing(every[name], settings))))
    if len(ready) > 1 or (ready and (needy or functions)):
        sizes = _sizes(module, ready, settings)
        ready = [name for name in ready if sizes.get(name) != 0] or ([] if needy or functions else ready)
    holders = [name for name in functions if found.held[name].issuperset(ready)]
    for choices in (ready, holders):
        if len(choices) == 1:
            return Choice(every[choices[0]], _passed_over(choices[0], found, module, where, settings))
    if ready or functions:
        raise _several(module, where, [*ready, *functions], settings)
    return Choice(every[_only_of(needy or found.functions, where)])


def _only_of(needy: Sequence[str], where: str) -> str:
    if not needy:
        raise Problem(f"{where}: no model found; define `model`, a function build_model or a torch.nn.Module class")
    if len(needy) > 1:
        listed = ", ".join(f"{where}:{name}" for name in needy)
        raise Problem(f"{where}: several models to choose from, all of which need arguments; name one of {listed}")
    return needy[0]


def _passed_over(
    name: str, found: FileCandidates, module: ModuleType, where: str, settings: Mapping[str, str]
) -> tuple[str, ...]:
    """Says which other classes would have been built without arguments."""
    others = [other for other in found.classes if other != name and not missing(vars(module)[other], settings)]
    if not others:
        return ()
    return (f"{where}:{name} was taken as the model, not {' or '.join(others)}; another is named as {where}:NAME",)


def _several(module: ModuleType, where: str, names: Sequence[str], settings: Mapping[str, str]) -> Problem:
    """The choices, largest first, with their sizes where they can be built in passing."""
    sizes = _sizes(module, names, settings)
    ordered = sorted(names, key=lambda name: -sizes.get(name, 0))
    listed = ", ".join(f"{where}:{name}{_size(sizes.get(name))}" for name in ordered[:SHOWN])
    rest = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return Problem(f"{where}: several models to choose from; name one of {listed}{rest}")


def _size(params: int | None) -> str:
    if params is None:
        return ""
    unit, letter = next(((unit, letter) for unit, letter in UNITS if params >= unit), (1, ""))
    number = f"{params / unit:.1f} {letter}" if letter else str(params)
    return f" ({number} parameters)"


UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def _sizes(module: ModuleType, names: Sequence[str], settings: Mapping[str, str]) -> dict[str, int]:
    """Parameters of what each builds; nothing of one that fails, fetches weights or comes after too long."""
    begun = process_time()
    found: dict[str, int] = {}
    for name in names:
        builder = vars(module)[name]
        if process_time() - begun > PATIENCE or _fetches(builder):
            continue
        try:
            model = builder(**bound(builder, settings, name))
            found[name] = sum(parameter.numel() for parameter in model.parameters())
        except (Exception, SystemExit):
            continue
    return found


def _fetches(builder: Callable[..., Any]) -> bool:
    parameters = signature_of(builder).parameters
    return any(parameters[name].default for name in FETCHING if name in parameters)
