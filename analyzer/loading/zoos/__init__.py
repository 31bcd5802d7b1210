"""Models of torchvision, timm and transformers, built without downloading."""

from importlib import import_module
from typing import Any

from analyzer.values.errors import Problem


def installed(name: str) -> Any:
    """The package of that name; Problem when it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise Problem(f"{name} is not installed; install it with pip install {name}") from None
