"""Finds the model's own tensors among all that a training script put into one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MODEL_KEYS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "params",
    "weights",
    "student",
)
AVERAGE_KEYS = (
    "ema",
    "model_ema",
    "ema_model",
    "state_dict_ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "params_ema",
    "teacher",
)
"""Where averaged weights are kept; taken when the raw ones are not there."""
TRAINING_STATE = re.compile(r"optim|sched|scaler|callback|(^|_)(rng|loops|amp)($|_)", re.IGNORECASE)
"""What the key of an entry looks like that holds state of the training, not of the model."""
MAX_DEPTH = 8


def state_in(tree: Any) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The model's tensors by name, and sentences that say which were taken; no tensors when there are none.

    Entries under `MODEL_KEYS` are followed down to `MAX_DEPTH` levels; state of optimizers and schedulers is left out.
    """
    from torch import Tensor

    path: list[str] = []
    ignored: list[str] = []
    while len(path) < MAX_DEPTH and isinstance(tree, Mapping):
        states = (key for key in MODEL_KEYS + AVERAGE_KEYS if key in tree and not isinstance(tree[key], Tensor))
        key = next((key for key in states if _holds_tensors(tree[key], set())), None)
        if key is None:
            break
        path.append(key)
        ignored += [str(other) for other in tree if other != key and _holds_tensors(tree[other], set())]
        tree = tree[key]
    tensors = _named_tensors(tree, "")
    ignored += [str(key) for key in _entries(tree) if _is_training(key) and _holds_tensors(tree[key], set())]
    taken = (f"The model's tensors were taken from the checkpoint's entry '{'.'.join(path)}'.",) if path else ()
    left = (f"Tensors in the checkpoint's other entries ({', '.join(ignored)}) were left out.",) if ignored else ()
    return tensors, taken + left


def _entries(tree: Any) -> Mapping[Any, Any]:
    """The mapping itself, or a module's state; nothing for anything else."""
    from torch import nn

    if isinstance(tree, nn.Module):
        return tree.state_dict()
    return tree if isinstance(tree, Mapping) else {}


def _is_training(key: Any) -> bool:
    return TRAINING_STATE.search(str(key)) is not None


def _named_tensors(tree: Any, prefix: str, depth: int = 0) -> dict[str, Tensor]:
    from torch import Tensor

    found: dict[str, Tensor] = {}
    for key, value in _entries(tree).items():
        if not isinstance(key, str) or depth == MAX_DEPTH:
            continue
        if isinstance(value, Tensor):
            found[prefix + key] = value
        elif not _is_training(key):
            found |= _named_tensors(value, f"{prefix}{key}.", depth + 1)
    return found


def _holds_tensors(value: Any, seen: set[int]) -> bool:
    """Whether there is a tensor at any depth; each container is visited once, for a pickle can make it hold itself."""
    from torch import Tensor

    if isinstance(value, Tensor):
        return True
    if id(value) in seen:
        return False
    seen.add(id(value))
    children = value if isinstance(value, list | tuple) else _entries(value).values()
    return any(_holds_tensors(child, seen) for child in children)
