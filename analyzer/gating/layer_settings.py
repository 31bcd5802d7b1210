"""How two layers of torch's own were built, compared in words: "kernel 3 to 5", "groups 32 to 1"."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

POSITIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "Conv": ("in_channels", "out_channels"),
    "LazyConv": ("in_channels", "out_channels"),
    "BatchNorm": ("num_features",),
    "SyncBatchNorm": ("num_features",),
    "InstanceNorm": ("num_features",),
    "LayerNorm": ("normalized_shape",),
    "RMSNorm": ("normalized_shape",),
    "GroupNorm": ("num_groups", "num_channels"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "LSTM": ("input_size", "hidden_size", "num_layers"),
    "GRU": ("input_size", "hidden_size", "num_layers"),
    "RNN": ("input_size", "hidden_size", "num_layers"),
}
"""What a repr writes without names, by how the class's name begins."""
ABSENT: Final = {"groups": "1", "dilation": "1", "padding": "0", "output_padding": "0", "bias": "True"}
"""What it means when a convolution's repr leaves these out."""
WORDS: Final = {
    "in_channels": "input channels",
    "out_channels": "output channels",
    "kernel_size": "kernel",
    "in_features": "input features",
    "out_features": "output features",
    "num_features": "channels",
    "num_channels": "channels",
    "num_groups": "groups",
}
ORDER: Final = ("kernel_size", "groups", "in_channels", "out_channels", "in_features", "out_features", "stride")
"""What is told first; the rest as it is written."""


def in_words(before: str, after: str) -> tuple[str, ...]:
    """What differs between two settings of the same kind; nothing when they are alike."""
    if before == after:
        return ()
    old, new = parsed(before), parsed(after)
    if old is None or new is None:
        return (f"{before or 'none'} to {after or 'none'}",)
    names = sorted({**old, **new}, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return tuple(_change(name, old, new) for name in names if _value(name, old) != _value(name, new))


def parsed(settings: str) -> dict[str, str] | None:
    """Values as text by argument, "3" for (3, 3) and "3×5" for (3, 5); None when it is not a call."""
    try:
        call = ast.parse(settings, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return None
    begins = (names for begin, names in POSITIONAL.items() if call.func.id.startswith(begin))
    names = next(begins, ())
    given = [(names[at] if at < len(names) else f"argument {at + 1}", arg) for at, arg in enumerate(call.args)]
    given += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
    return {name: _text(value) for name, value in given}


def _text(value: ast.expr) -> str:
    if not isinstance(value, ast.Tuple):
        return ast.unparse(value).strip("'")
    parts = [ast.unparse(element) for element in value.elts]
    return parts[0] if len(set(parts)) == 1 else "×".join(parts)


def _value(name: str, settings: Mapping[str, str]) -> str | None:
    return settings.get(name, ABSENT.get(name))


def _change(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    before, after, word = _value(name, old), _value(name, new), WORDS.get(name, name.replace("_", " "))
    if (before, after) == ("True", "False"):
        return f"{word} dropped"
    if (before, after) == ("False", "True"):
        return f"{word} added"
    return f"{word} {before or 'none'} to {after or 'none'}"
