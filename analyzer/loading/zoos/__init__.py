"""Models of torchvision, timm and transformers, built without downloading."""

from importlib import import_module
from typing import Any

from analyzer.values.errors import Problem

ZOOS = ("torchvision", "timm", "transformers")


def zoo_of(target: str) -> str:
    """The zoo of `torchvision:NAME`, `timm:NAME` or `transformers:DIR`; empty for any other target."""
    zoo, colon, _ = target.partition(":")
    return zoo if colon and zoo in ZOOS else ""


def installed(name: str) -> Any:
    """The package of that name; Problem when it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise Problem(f"{name} is not installed; install it with pip install {name}") from None
