"""Targets with wildcards: `timm:convnext*`, `torchvision:*`, `models/*.py` become the models that they match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import glob, has_magic
from pathlib import Path
from typing import Final

from analyzer.values.errors import Problem
from analyzer.values.requests import file_and_name

WILDCARDS: Final = "*?[]"


def is_glob(target: str) -> bool:
    """Whether the target's place has a wildcard, and is not a file that is called so."""
    place, _ = file_and_name(target)
    return has_magic(place) and not Path(place).exists()


def expanded(targets: Iterable[str]) -> list[str]:
    """Every model that the targets name, each once, those of a glob by name.

    Problem, with the nearest names, for a glob that matches nothing, and for a zoo that is not installed.
    """
    found = (name for target in targets for name in (_matches(target) if is_glob(target) else [target]))
    return list(dict.fromkeys(found))


def _matches(target: str) -> list[str]:
    from analyzer.loading.misspelling import refuse_misspelt_zoo
    from analyzer.loading.zoos import timm_zoo, torchvision_zoo, zoo_of

    zoo, (_, _, pattern) = zoo_of(target), target.partition(":")
    if zoo == "transformers":
        return [f"{zoo}:{Path(path).parent}" for path in _files(f"{pattern}/config.json", target)]
    if zoo:
        return [
            f"{zoo}:{name}"
            for name in _names(target, pattern, {"timm": timm_zoo, "torchvision": torchvision_zoo}[zoo].names())
        ]
    refuse_misspelt_zoo(target)
    place, name = file_and_name(target)
    return [f"{path}:{name}" if name else path for path in _files(place, target)]


def _names(target: str, pattern: str, names: Sequence[str]) -> list[str]:
    from analyzer.loading.misspelling import nearest

    matching = sorted(name for name in names if fnmatchcase(name, pattern))
    if not matching:
        near = nearest(_plain(pattern), names, f"it has {len(names):,}, among them {', '.join(names[:3])}")
        raise Problem(f"{target}: no model of {target.partition(':')[0]} matches; {near}")
    return matching


def _files(pattern: str, target: str) -> list[str]:
    """Files that match; folders do not count."""
    matching = sorted(
        path
        for path in glob(pattern, recursive=True)  # noqa: PTH207 - patterns may be absolute
        if Path(path).is_file()
    )
    if not matching:
        raise Problem(f"{target}: no file matches; {_near_files(Path(pattern))}")
    return matching


def _near_files(pattern: Path) -> str:
    """The first folder that is not there, else the nearest names beside the pattern."""
    from analyzer.loading.misspelling import nearest, similar

    folder = Path(pattern.anchor)
    for part in pattern.parts[len(folder.parts) : -1]:
        if has_magic(part):
            break
        folder /= part
        if not folder.is_dir():
            return f"there is no folder {folder}{similar(folder)}"
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return nearest(_plain(pattern.name), names, f"look at what {folder} holds")


def _plain(pattern: str) -> str:
    return pattern.translate({ord(mark): None for mark in WILDCARDS})
