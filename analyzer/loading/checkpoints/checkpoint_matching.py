"""Compares a checkpoint with a model by names and shapes, and puts its values into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.loading.checkpoints.tensor_names import prefixes_of, spellings
from analyzer.loading.loaded_model import dtype_name
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analyzer.loading.checkpoints.checkpoint import Checkpoint

Shapes = Mapping[str, tuple[int, ...]]

SHOWN = 3
"""Names in a sentence; the rest is counted."""
UNIMPORTANT = "num_batches_tracked"
"""A counter that old checkpoints lack and that no forward in eval mode reads."""


@dataclass(frozen=True)
class CheckpointMatch:
    """How a checkpoint and a model agree."""

    file: str
    names: Mapping[str, str]
    """Name in the checkpoint to name in the model, of all tensors whose shapes agree."""
    missing: tuple[str, ...] = ()
    """The model's tensors that the checkpoint lacks, tied ones left out where one of them is there."""
    unexpected: tuple[str, ...] = ()
    """The checkpoint's tensors that the model lacks."""
    mismatched: tuple[str, ...] = ()
    """For each tensor that both have, and whose shapes differ, both shapes in words."""
    renaming: str = ""
    """A sentence when the names had to be changed for the fit."""
    conversion: str = ""
    """A sentence when the file stores other dtypes than the model has."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences for the report: what was renamed, what the checkpoint lacks, what of it was not used."""
        lacks = f"{self.file} lacks {len(self.missing)} of the model's tensors, which keep their initial values: "
        extra = f"{len(self.unexpected)} tensors of {self.file} are not in the model and were not used: "
        sentences = (
            self.renaming,
            self.conversion,
            lacks + _some(self.missing) + "." if self.missing else "",
            extra + _some(self.unexpected) + "." if self.unexpected else "",
        )
        return tuple(sentence for sentence in sentences if sentence)

    def raise_for_mismatch(self) -> None:
        """Problem when a shape differs, or when no tensor of the checkpoint belongs to the model."""
        if self.mismatched:
            raise Problem(
                f"{self.file} does not fit the model in {len(self.mismatched)} tensors "
                f"({_some(self.mismatched, '; ')}): give the checkpoint of this very model"
            )
        if not self.names:
            raise Problem(
                f"{self.file} has none of the model's tensors (it has {_some(self.unexpected)}; "
                f"the model wants {_some(self.missing)}): give the checkpoint of this very model"
            )


def match(checkpoint: Checkpoint, module: nn.Module) -> CheckpointMatch:
    """How the checkpoint's names and shapes agree with the module's, under the renaming that fits best.

    A parameter that is not yet initialised (torch.nn.parameter.is_lazy) agrees with every shape.
    """
    expected = _tensors(module)
    shapes = {name: _shape(value) for name, value in expected.items()}
    stored = {tensor.name: tensor.shape for tensor in checkpoint.tensors}
    renaming, names = _best_renaming(stored, shapes)
    found = {new: old for old, new in names.items() if new in shapes}
    return CheckpointMatch(
        file=checkpoint.file,
        names={old: new for new, old in found.items() if _agree(stored[old], shapes[new])},
        missing=_missing(expected, found),
        unexpected=tuple(old for old in stored if names.get(old) not in shapes and not old.endswith(UNIMPORTANT)),
        mismatched=tuple(
            f"{new} is {_dimensions(stored[old])} in the file, {_dimensions(shapes[new] or ())} in the model"
            for new, old in found.items()
            if not _agree(stored[old], shapes[new])
        ),
        renaming=renaming,
        conversion=_conversion(checkpoint, {old: expected[new] for new, old in found.items()}),
    )


def _best_renaming(stored: Shapes, shapes: Mapping[str, tuple[int, ...] | None]) -> tuple[str, dict[str, str]]:
    """The renaming under which most shapes agree, else most names; the plainest of equals."""

    def agreement(candidate: tuple[str, dict[str, str]]) -> tuple[int, int]:
        both = [(stored[old], shapes[new]) for old, new in candidate[1].items() if new in shapes]
        return sum(_agree(*pair) for pair in both), len(both)

    return max(_renamings(list(stored), list(shapes)), key=agreement)


def _conversion(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> str:
    """A sentence about tensors whose dtypes differ; `expected` is by the checkpoint's names."""
    pairs = [
        (tensor.dtype, dtype_name(expected[tensor.name].dtype))
        for tensor in checkpoint.tensors
        if tensor.name in expected
    ]
    differing = Counter(pair for pair in pairs if pair[0] != pair[1])
    if not differing:
        return ""
    (stored, wanted), count = differing.most_common(1)[0]
    differ = f"{count} of the model's tensors are {stored} in {checkpoint.file} and {wanted} in the model"
    return f"{differ}, whose dtypes are counted."


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """What the module stores, the very objects; extra state that is not a tensor is left out."""
    from torch import Tensor

    return {name: value for name, value in module.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}


def _shape(value: Tensor) -> tuple[int, ...] | None:
    """None for a lazy parameter, which takes any shape."""
    from torch.nn.parameter import is_lazy

    return None if is_lazy(value) else tuple(value.shape)


def _agree(stored: tuple[int, ...], expected: tuple[int, ...] | None) -> bool:
    return expected is None or stored == expected


def _missing(expected: Mapping[str, Tensor], found: Mapping[str, str]) -> tuple[str, ...]:
    """Tied tensors are one object under several names, of which a checkpoint may keep only one."""
    present = {id(expected[name]) for name in found}
    return tuple(
        name
        for name, value in expected.items()
        if name not in found and id(value) not in present and not name.endswith(UNIMPORTANT)
    )


def _renamings(stored: list[str], expected: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Ways to turn the checkpoint's names into the model's, the plainest first, each with the sentence that says so."""
    for prefix, names in spellings(stored):
        is_old = any(old.removeprefix(prefix) != new for old, new in names.items())
        spelling = "Names in the spelling of an older torchvision were understood. " if is_old else ""
        sentence = f"'{prefix}' was taken off the names of the checkpoint's tensors to fit the model." if prefix else ""
        yield spelling + sentence, names
    for prefix in prefixes_of(expected):
        sentence = f"'{prefix}' was put before the names of the checkpoint's tensors to fit the model."
        yield sentence if prefix else "", {name: prefix + name for name in stored}


def assign(checkpoint: Checkpoint, module: nn.Module) -> None:
    """Puts the checkpoint's values into a materialised module; Problem when a shape differs or nothing fits.

    Parameters become the mapped tensors themselves where dtypes agree and nothing is tied; else values are copied.
    """
    found = match(checkpoint, module)
    found.raise_for_mismatch()
    values = checkpoint.load()
    state = {new: values[old] for old, new in found.names.items()}
    expected = _tensors(module)
    tied = len({id(value) for value in expected.values()}) < len(expected)
    as_stored = not tied and all(value.dtype == expected[name].dtype for name, value in state.items())
    try:
        module.load_state_dict(state, strict=False, assign=as_stored)
    except RuntimeError as error:
        raise Problem(
            f"{checkpoint.file} could not be put into the model: {str(error).splitlines()[-1].strip()}"
        ) from error


def _dimensions(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _some(names: tuple[str, ...], separator: str = ", ") -> str:
    rest = len(names) - SHOWN
    return separator.join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
