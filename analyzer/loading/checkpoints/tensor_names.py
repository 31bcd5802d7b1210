"""Names of tensors: what wrappers put before them, and how older releases spelled them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Components that torch.compile, FSDP and activation checkpointing put anywhere in a name."""
PREFIXES = ("model.", "module.", "net.", "network.", "backbone.", "encoder.", "student.", "teacher.", "ema_model.")
"""First components under which training frameworks keep the model."""

OLD_SPELLINGS = (
    # torchvision.models.densenet._load_state_dict
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    # torchvision.models.vision_transformer.MLPBlock and torchvision.ops.misc.MLP: linear_1 is 0, linear_2 is 3
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
    # torchvision.ops.FeaturePyramidNetwork and torchvision.models.detection.rpn.RPNHead, before version 2
    (re.compile(r"(fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"(rpn\.head\.conv)\.(weight|bias)$"), r"\1.0.0.\2"),
)
"""What torchvision renamed since it published weights; its modules accept both."""


def cleaned(names: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Each name without what wrappers add to it, and sentences that say what was taken off."""
    kept = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names}
    gone = sorted({part for name in kept for part in name.split(".") if part in WRAPPERS})
    while kept and all(name.startswith("module.") for name in kept.values()):
        kept = {name: short.removeprefix("module.") for name, short in kept.items()}
        gone = ["module", *gone]
    if len(set(kept.values())) < len(kept):  # two tensors would get one name
        return {name: name for name in kept}, ()
    return kept, tuple(
        f"'{part}.' was taken off the names of the checkpoint's tensors." for part in dict.fromkeys(gone)
    )


def modern(name: str) -> str:
    """The name as today's torchvision spells it."""
    for pattern, replacement in OLD_SPELLINGS:
        name = pattern.sub(replacement, name)
    return name


def prefixes_of(names: Sequence[str]) -> Iterator[str]:
    """What could be a wrapper's prefix: nothing, each known one that occurs, then all that the names have in common."""
    yield ""
    yield from (prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in names))
    columns = zip(*(name.split(".")[:-1] for name in names), strict=False)
    common = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    yield from (".".join(common[: depth + 1]) + "." for depth in range(len(common)))


def spellings(names: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each prefix, with the names below it as they are without it, then as today's torchvision spells those."""
    for prefix in prefixes_of(names):
        inside = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        yield prefix, inside
        yield prefix, {name: modern(short) for name, short in inside.items()}
