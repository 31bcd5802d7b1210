"""Calibration inputs from files: a function in a Python file, stored tensors, or a folder of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from analyzer.fitting.calibration_batches import Calibration, calibration_of
from analyzer.loading.inputs.example_inputs import required
from analyzer.loading.python.python_file import is_file_target, is_module_target, opening
from analyzer.values.errors import Problem

BESIDE = "calibration_inputs"
"""What a model's own file calls its calibration inputs."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, which torchvision's and most of timm's models were trained with."""
CROP = 0.875
"""The share of the shorter side that is kept."""
KINDS = "a Python file with a function (data.py:batches), a .pt, .npz or .safetensors file, or a folder of pictures"


def calibration_from(place: str, model: nn.Module, size: tuple[int, ...]) -> Calibration:
    """The inputs at a place; pictures are cut to a spatial size (height, width). Problem when there are none."""
    if is_file_target(place) or is_module_target(place):
        found = _from_python(place, model)
        if found is None:
            raise Problem(f"{place} defines no `{BESIDE}`; name the function as FILE:NAME")
        return found
    path = Path(place)
    if path.is_dir():
        return _from_pictures(path, model, size)
    if not path.is_file():
        raise Problem(f"{place}: no such file; calibration inputs are {KINDS}")
    if path.suffix not in READERS:
        raise Problem(f"{place}: calibration inputs are {KINDS}")
    return calibration_of(model, _arguments(_read(path), model), place)


def calibration_beside(target: str, model: nn.Module) -> Calibration | None:
    """What the model's own Python file calls `calibration_inputs`; None where it has none."""
    if not (is_file_target(target) or is_module_target(target)):
        return None
    file = f"{target.partition('.py')[0]}.py" if is_file_target(target) else target.partition(":")[0]
    return _from_python(f"{file}:{BESIDE}", model, is_optional=True)


def _from_python(place: str, model: nn.Module, is_optional: bool = False) -> Calibration | None:
    """The batches are made while what the file imports can be imported."""
    opened = opening(place)
    name = opened.name or BESIDE
    with opened.run() as module:
        found = getattr(module, name, None)
        if found is None and (is_optional or not opened.name):
            return None
        if found is None:
            raise Problem(f"{opened.where} has no attribute {name!r}; name what gives the calibration inputs")
        try:
            return calibration_of(model, found, f"`{name}` of {Path(opened.where).name}")
        except Problem:
            raise
        except Exception as error:  # whatever the user's function raises
            first = next(iter(str(error).splitlines()), "")
            raise Problem(f"{place}: {type(error).__name__}: {first}") from error


def _read(path: Path) -> Any:
    try:
        return READERS[path.suffix](path)
    except Exception as error:  # whatever a damaged file makes the readers raise
        first = next(iter(str(error).splitlines()), "")
        raise Problem(f"{path}: cannot be read as tensors: {type(error).__name__}: {first}") from error


def _of_torch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _of_numpy(path: Path) -> Any:
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def _of_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


READERS: Mapping[str, Callable[[Path], Any]] = {
    **dict.fromkeys((".pt", ".pth"), _of_torch),
    ".npz": _of_numpy,
    ".safetensors": _of_safetensors,
}


def _arguments(stored: Any, model: nn.Module) -> Any:
    """Stored tensors as the arguments of a forward: by name where the names are its own, else in their order."""
    if not isinstance(stored, Mapping) or not all(isinstance(value, Tensor) for value in stored.values()):
        return stored
    needed = {parameter.name for parameter in required(model)}
    if needed & stored.keys():
        return dict(stored)
    return tuple(stored.values()) if len(stored) > 1 else next(iter(stored.values()), [])


def _from_pictures(folder: Path, model: nn.Module, size: tuple[int, ...]) -> Calibration:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    if not files:
        raise Problem(f"{folder}: there are no pictures ({', '.join(PICTURES)}) in this folder")
    if len(size) != 2:
        raise Problem(f"{folder}: the model does not take pictures; give its inputs as {KINDS}")
    found = calibration_of(model, torch.stack(list(_pictures(files, size))), str(folder))
    said = (
        f"pictures were cut to the middle {CROP:.1%} of their shorter side, resized to {size[0]}×{size[1]}, scaled to "
        f"0 to 1, less {MEAN}, by {DEVIATION}; give a Python file where the model was trained with other ones"
    )
    return Calibration(found.batches, found.held_out, found.source, assumptions=(*found.assumptions, said))


def _pictures(files: list[Path], size: tuple[int, ...]) -> Iterator[Tensor]:
    from PIL import Image
    from torchvision.transforms.v2.functional import center_crop, normalize, pil_to_tensor, resize

    for file in files:
        try:
            picture = pil_to_tensor(Image.open(file).convert("RGB"))
        except OSError as error:
            raise Problem(f"{file}: cannot be read as a picture; leave it out of the folder") from error
        side = int(CROP * min(picture.shape[-2:]))
        square = resize(center_crop(picture, [side, side]), list(size), antialias=True)
        yield normalize(square.float() / 255, list(MEAN), list(DEVIATION))
