"""What the kept tensors tell: who made them, how they grow with each token, and where they stop to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch

from analyzer.loading.loaded_model import dtype_name
from analyzer.tracing.recorder import Recorder
from analyzer.values.graph import Trace
from analyzer.values.steps import LayerState, State, StateSize, StateTensor

Sizes = Mapping[str, int]
"""Bytes of each kept tensor by its path."""


def sizes_of(kept: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Bytes by path; an expanded tensor has those of its memory."""
    return {path: _nbytes(tensor) for path, tensor in kept.items()}


def _nbytes(tensor: torch.Tensor) -> int:
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def kept_rows(
    trace: Trace, recorder: Recorder, kept: Mapping[str, torch.Tensor], after: Sizes
) -> tuple[StateTensor, ...]:
    """The tensors that a prefill left, with the layers that made them; `after` are their sizes a token later."""
    makers = {tensor.storage: op.layer for op in trace.graph for tensor in op.outputs}
    known = dict(zip(kept, recorder.tensors_in(list(kept.values())), strict=True))
    return tuple(
        StateTensor(
            path=path,
            layer=makers.get(known[path].storage, ""),
            shape=tuple(tensor.shape),
            dtype=dtype_name(tensor.dtype),
            nbytes=_nbytes(tensor),
            token_bytes=after[path] - _nbytes(tensor) if path in after else None,
        )
        for path, tensor in kept.items()
    )


def with_windows(tensors: Iterable[StateTensor], tokens: int, longer: Mapping[int, Sizes]) -> tuple[StateTensor, ...]:
    """The tensors with where they are full, as prefills of other lengths show.

    One that grew at `tokens` and has the same size at the two longest lengths is full from where its growth meets it.
    """
    lengths = sorted(length for length in longer if length > tokens)
    return tuple(_with_window(tensor, tokens, [longer[length] for length in lengths[-2:]]) for tensor in tensors)


def _with_window(tensor: StateTensor, tokens: int, longest: list[Sizes]) -> StateTensor:
    found = {sizes.get(tensor.path) for sizes in longest}
    full = next(iter(found), None)
    if len(longest) < 2 or len(found) > 1 or full is None or not tensor.token_bytes or full < tensor.nbytes:
        return tensor
    further, rest = divmod(full - tensor.nbytes, tensor.token_bytes)
    return tensor if rest else replace(tensor, full_at=tokens + further, full_bytes=full)


def memory_behind(kept: Mapping[str, torch.Tensor]) -> int:
    """Bytes of the memory that tensors keep, each piece once."""
    pieces = {storage._cdata: storage.nbytes() for storage in (t.untyped_storage() for t in kept.values())}
    return sum(pieces.values())


def state_of(tensors: tuple[StateTensor, ...], memory: int, sizes: Mapping[int, Sizes]) -> State:
    """All that is kept, added up by layer and in total."""
    layers: dict[str, list[StateTensor]] = {}
    for tensor in tensors:
        layers.setdefault(tensor.layer, []).append(tensor)
    return State(
        nbytes=sum(tensor.nbytes for tensor in tensors),
        memory_bytes=memory,
        token_bytes=_growth(tensors),
        layers=tuple(LayerState(layer, sum(t.nbytes for t in own), _growth(own)) for layer, own in layers.items()),
        tensors=tensors,
        sizes=tuple(StateSize(length, sum(sizes[length].values())) for length in sorted(sizes)),
    )


def _growth(tensors: Iterable[StateTensor]) -> int | None:
    grown = [tensor.token_bytes for tensor in tensors]
    return None if None in grown else sum(growth or 0 for growth in grown)
