"""Writes the weights of a rewritten module, whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from analyzer.values.errors import Problem


def save(module: nn.Module, path: Path, force: bool = False) -> None:
    """The module's state dict as `torch.load` reads it; Problem when the file exists, unless forced."""
    refuse_existing(path, force)
    place = path.resolve()
    part = place.parent / f".{place.name}.part"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save(module.state_dict(), file)
        part.replace(place)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            part.unlink()
        raise Problem(f"cannot write {path}: {_reason(error)}; choose another place") from error


def _reason(error: BaseException) -> str:
    """The system's: when a write fails, torch raises a RuntimeError of its own with the system's error behind it."""
    system = error if isinstance(error, OSError) else error.__context__
    return (getattr(system, "strerror", None) or str(error)).lower()


def refuse_existing(path: Path, force: bool) -> None:
    """Problem when something is there that must not be overwritten."""
    if path.is_dir():
        raise Problem(f"cannot write {path}: it is a directory; name a file")
    if path.exists() and not path.is_file():
        raise Problem(f"cannot write {path}: it is a device, a pipe or a socket; name a file")
    if path.exists() and not force:
        raise Problem(f"{path} exists already; give another name, or --force to overwrite it")
