"""Writes the index by which torchvision's architectures are recognised; run it when torchvision is updated."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torchvision
from torchvision import models

from analyzer.loading import building
from analyzer.loading.zoos import recognition
from analyzer.loading.zoos.recognition import ClassDimension, names_hash, shapes_hash

INDEX = Path(recognition.__file__).with_name("architectures.json")
AUXILIARY = {"googlenet": "aux_logits", "inception_v3": "aux_logits", "deeplabv3": "aux_loss", "fcn": "aux_loss"}
"""Builders, by the start of their names, with the switch that gives them an auxiliary head."""
IMAGE_SIZES = {"vit_b_16": (384,), "vit_l_16": (512,), "vit_h_14": (518,)}
"""Sizes other than 224 that published weights have position embeddings for."""

Shapes = dict[str, tuple[int, ...]]


def builders() -> list[str]:
    """Every builder but the quantized ones, whose tensors are packed by the backend."""
    return [name for name in models.list_models() if not name.startswith("quantized_")]


def variants(name: str) -> Iterator[dict[str, Any]]:
    """Arguments that change which tensors a builder's model has; the default comes first."""
    yield {}
    for start, switch in AUXILIARY.items():
        if name.startswith(start):
            default = switch == "aux_logits"  # the classifiers have it by default, the segmentation models have not
            yield {switch: not default}
    yield from ({"image_size": size} for size in IMAGE_SIZES.get(name, ()))


def shapes_of(name: str, **arguments: Any) -> Shapes:
    """Shapes of the tensors in the state dict of the builder's model."""
    builder = models.get_model_builder(name)
    untrained = {key: None for key in ("weights", "weights_backbone") if key in inspect.signature(builder).parameters}
    module = building.build(lambda: builder(**untrained, **arguments))
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def row(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The entry of the index for a builder with these arguments."""
    shapes = shapes_of(name, **arguments)
    classes = default_classes(name, arguments, shapes)
    head = [] if classes is None else head_of(shapes, shapes_of(name, **arguments, num_classes=classes + 1), classes)
    return {
        "name": name,
        "arguments": arguments,
        "names": names_hash(shapes),
        "shapes": shapes_hash(shapes, head),
        "classes": classes if head else None,
        "head": [[dimension.name, dimension.axis, dimension.factor, dimension.offset] for dimension in head],
    }


def default_classes(name: str, arguments: dict[str, Any], shapes: Shapes) -> int | None:
    """The number of classes that the builder assumes; None when it takes none."""
    for classes in (1000, 91, 21, 400, 2):
        try:
            if shapes_of(name, **arguments, num_classes=classes) == shapes:
                return classes
        except TypeError:
            return None
    return None


def head_of(shapes: Shapes, wider: Shapes, classes: int) -> list[ClassDimension]:
    """The dimensions that one more class makes larger."""
    return [
        ClassDimension(name, axis, larger - size, size - classes * (larger - size))
        for name in shapes
        for axis, (size, larger) in enumerate(zip(shapes[name], wider[name], strict=True))
        if larger != size
    ]


def main() -> None:
    """Writes the index, a line an architecture."""
    rows = [row(name, arguments) for name in builders() for arguments in variants(name)]
    lines = ",\n".join("  " + json.dumps(entry) for entry in rows)
    INDEX.write_text(
        f'{{"torchvision": "{torchvision.__version__.partition("+")[0]}", "architectures": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main()
