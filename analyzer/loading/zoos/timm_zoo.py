"""Models of timm, built without downloading, with the input size of their pretrained configuration."""

from __future__ import annotations

from typing import Any

from analyzer.loading.inputs.example_inputs import assumed, floating_dtype
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.loading.misspelling import nearest
from analyzer.loading.python.builder_arguments import literal
from analyzer.loading.recipe import Built, Recipe
from analyzer.loading.sources import definition_of
from analyzer.loading.zoos import installed
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

PREFIX = "timm:"


def names() -> list[str]:
    """Every model that the installed timm can build; Problem when timm is missing."""
    found: list[str] = installed("timm").list_models()
    return found


def of_target(request: ModelRequest) -> Recipe:
    """The recipe for `timm:NAME`; Problem with the nearest names when there is none, or when timm is missing."""
    name = request.target.removeprefix(PREFIX)
    timm = installed("timm")
    if not timm.is_model(name.partition(".")[0]):
        near = nearest(name, names(), "timm.list_models() lists all names")
        raise Problem(f"{PREFIX}{name}: timm has no model of this name; {near}")
    settings = {key: literal(value) for key, value in request.settings.items()}

    def make() -> Built:
        module = timm.create_model(name, pretrained=False, **settings)
        return Built(module, definition_of(timm.model_entrypoint(name.partition(".")[0])), _declared(module, name))

    return Recipe(name, make)


def _declared(module: Any, name: str) -> tuple[Inputs, ...]:
    """The model's own input size, which follows the settings where they say img_size."""
    size = (module.pretrained_cfg or {}).get("input_size")
    if size is None:
        return ()
    return assumed([(InputSpec((1, *size), floating_dtype(module)),)], f"timm's configuration of {name}")
