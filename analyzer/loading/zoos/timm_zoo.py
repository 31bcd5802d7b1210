"""Models of timm, built without downloading, with the input size of their pretrained configuration."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from analyzer.loading.inputs.example_inputs import assumed, floating_dtype
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.loading.python.builder_arguments import literal
from analyzer.loading.recipe import Built, Recipe
from analyzer.loading.sources import definition_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

PREFIX = "timm:"


def is_target(target: str) -> bool:
    """`timm:NAME`."""
    return target.startswith(PREFIX)


def of_target(request: ModelRequest) -> Recipe:
    """The recipe for `timm:NAME`; Problem with the nearest names when there is none, or when timm is missing."""
    name = request.target.removeprefix(PREFIX)
    timm = _timm()
    if not timm.is_model(name.partition(".")[0]):
        raise Problem(f"{PREFIX}{name}: timm has no model of this name; {_nearest(name, timm.list_models())}")
    settings = {key: literal(value) for key, value in request.settings.items()}

    def make() -> Built:
        module = timm.create_model(name, pretrained=False, **settings)
        return Built(module, definition_of(timm.model_entrypoint(name.partition(".")[0])), _declared(module, name))

    return Recipe(name, make)


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise Problem("timm is not installed; install it with pip install timm") from None
    return timm


def _nearest(name: str, names: list[str]) -> str:
    close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}" if close else "timm.list_models() lists all names"


def _declared(module: Any, name: str) -> tuple[Inputs, ...]:
    """The model's own input size, which follows the settings where they say img_size."""
    size = (module.pretrained_cfg or {}).get("input_size")
    if size is None:
        return ()
    return assumed([(InputSpec((1, *size), floating_dtype(module)),)], f"timm's configuration of {name}")
