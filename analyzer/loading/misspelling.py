"""What a misspelt target may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from analyzer.loading.zoos import ZOOS
from analyzer.values.errors import Problem

CLOSE = 0.75
"""How alike two names must be, from 0 to 1, as difflib counts."""


def similar(path: Path) -> str:
    """Words that end a sentence with the nearest name beside a file that is not there; empty when none is near."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return ""
    close = get_close_matches(path.name, sorted(names), n=1, cutoff=CLOSE)
    return f"; did you mean {path.parent / close[0]}?" if close else ""


def similar_model(target: str) -> str:
    """The same with a model of torchvision."""
    from analyzer.loading.zoos.recognition import architectures

    names = {architecture.name for group in architectures().values() for architecture in group}
    close = get_close_matches(target.lower(), sorted(names), n=1, cutoff=CLOSE)
    return f"; did you mean torchvision:{close[0]}?" if close else ""


def nearest(name: str, names: Sequence[str], otherwise: str) -> str:
    """The end of a sentence about a name that a zoo does not have: the nearest ones, `otherwise` without any."""
    close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}" if close else otherwise


def refuse_misspelt_zoo(target: str) -> None:
    """Problem for `torchvison:resnet50`, where no package of that name is installed."""
    prefix, colon, name = target.partition(":")
    close = get_close_matches(prefix.lower(), ZOOS, n=1, cutoff=CLOSE)
    if not colon or not close or not prefix.isidentifier() or Path(prefix).exists() or Path(f"{prefix}.py").exists():
        return
    if find_spec(prefix) is None:
        raise Problem(f"{target}: there is no {prefix}; did you mean {close[0]}:{name}?")
