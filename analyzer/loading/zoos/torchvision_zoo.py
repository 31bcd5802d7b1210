"""Models of torchvision, built without downloading, with the input their weights were made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analyzer.loading.inputs.example_inputs import assumed, written_as
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.loading.misspelling import nearest
from analyzer.loading.python.builder_arguments import bound, signature_of
from analyzer.loading.recipe import Built, Recipe
from analyzer.loading.sources import definition_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest
from analyzer.values.sweep_rows import PublishedAccuracy

PREFIX = "torchvision:"
ACCURACIES = ("acc@1", "box_map", "miou")
"""Of the measures that weights state those that tell how good a model is, higher being better."""


def names() -> list[str]:
    """Every model that the installed torchvision can build."""
    from torchvision import models

    found: list[str] = models.list_models()
    return found


def published_accuracy(name: str) -> PublishedAccuracy | None:
    """What the metadata of the model's default weights state, nothing downloaded; None where they state none."""
    from torchvision import models

    default = getattr(models.get_model_weights(name), "DEFAULT", None) if name in names() else None
    stated = default.meta.get("_metrics", {}) if default else {}
    found = (
        PublishedAccuracy(float(measures[measure]), f"{data} {measure}")
        for data, measures in stated.items()
        for measure in ACCURACIES
        if measure in measures
    )
    return next(found, None)


def of_target(request: ModelRequest) -> Recipe:
    """The recipe for `torchvision:NAME`; Problem with the nearest names when there is none of that name."""
    name = request.target.removeprefix(PREFIX)
    return of_name(name, bound(_builder(name), request.settings, request.target))


def of_name(name: str, arguments: Mapping[str, Any]) -> Recipe:
    """The recipe for torchvision's model of that name, built with these arguments; Problem when there is none."""
    builder = _builder(name)
    given = _without_download(builder) | dict(arguments)
    return Recipe(name, lambda: Built(builder(**given), definition_of(builder), _declared(name)))


def _builder(name: str) -> Callable[..., Any]:
    from torchvision import models

    known = names()
    if name not in known:
        near = nearest(name, known, f"it has {len(known)}, among them {', '.join(known[:3])}")
        raise Problem(f"{PREFIX}{name}: torchvision has no model of this name; {near}")
    builder: Callable[..., Any] = models.get_model_builder(name)
    return builder


def arguments_of(name: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """All that torchvision's builder of that name is called with; settings as in `--set`.

    Raises Problem for an unknown name, and for settings that the builder does not take.
    """
    builder = _builder(name)
    return _without_download(builder) | bound(builder, settings, PREFIX + name)


def _without_download(builder: Callable[..., Any]) -> dict[str, Any]:
    accepted = signature_of(builder).parameters
    nothing = {name: None for name in ("weights", "weights_backbone") if name in accepted}
    quiet = {"init_weights": False} if builder.__name__ in ("googlenet", "inception_v3") else {}
    return nothing | quiet


def _declared(name: str) -> tuple[Inputs, ...]:
    """The input that torchvision's published counts are for: a 512×512 image, or what the transforms make of it."""
    from torchvision import models

    weights = models.get_model_weights(name)
    default = getattr(weights, "DEFAULT", None)
    if default is None:
        return assumed([(InputSpec((1, 3, 224, 224)),)], "what torchvision's models commonly take")
    if ".detection." in weights.__module__:
        image = InputSpec((3, 512, 512))
        sentence = f"a list of one image {written_as(image)} was assumed from torchvision's published counts"
        return (Inputs(([image],), {}, sentence),)
    if ".optical_flow." in weights.__module__:
        pair = (InputSpec((1, 3, 512, 512)),) * 2
        return assumed([pair], "torchvision's published counts", ("image1", "image2"))
    frames = (16,) if ".video." in weights.__module__ else ()
    spec = InputSpec((1, 3, *frames, *_size(default.transforms())))
    return assumed([(spec,)], f"the transforms of {default}")


def _size(transforms: Any) -> tuple[int, int]:
    """Height and width of a square image after the transforms: what it is cropped to, else what it is resized to."""
    size = getattr(transforms, "crop_size", None) or transforms.resize_size
    sizes = [size] if isinstance(size, int) else list(size)
    return sizes[0], sizes[-1]
