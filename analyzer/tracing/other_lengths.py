"""The state after prefills of other lengths than the example's, which show where windows are full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch

from analyzer.tracing.backends import REAL
from analyzer.tracing.failure import Failure
from analyzer.tracing.state_growth import Sizes, sizes_of, with_windows
from analyzer.tracing.state_tensors import Way, named_tensors, taken
from analyzer.tracing.stepping import SequenceAxis, Session
from analyzer.values.graph import Trace
from analyzer.values.steps import StateTensor

LONGEST: Final = 131072
"""Tokens of the longest prefill that is traced."""
FURTHER: Final = 8
"""The first longer one is so many times the example's."""
MOST_OPERATORS: Final = 20_000
"""No longer prefill is traced that would run more operators than this."""
MOST_WINDOWS: Final = 2
"""Windows of different sizes that are looked for where the example has filled them."""
POSITIONS: Final = ("max_position_embeddings", "max_target_positions", "n_positions")
"""Entries of a configuration that say how long a sequence may be."""


@dataclass(frozen=True)
class SingleToken:
    """One token of one sequence alone: its trace, and the sizes of what it left."""

    trace: Trace | None = None
    sizes: Sizes = field(default_factory=dict)


@dataclass(frozen=True)
class Lengths:
    """What prefills of other lengths are made with, and what is known of the example's."""

    session: Session
    axis: SequenceAxis
    way: Way
    operators: int
    single: SingleToken

    def sizes(self, tokens: int) -> tuple[Sizes, int]:
        """Bytes of the state after so many tokens, and the operators that it took; Failure where the forward fails."""
        with self.session.module() as module:
            call = self.session.call(module, self.session.resized(self.axis, tokens))
            return sizes_of(kept_of(call.output, self.way, call.left)), len(call.trace.graph)

    @property
    def longest(self) -> int:
        """Tokens that the model's configuration allows, at most `LONGEST`."""
        config = getattr(self.session.loaded.module, "config", None)
        allowed = (getattr(config, name, None) for name in POSITIONS)
        return min(LONGEST, next((limit for limit in allowed if isinstance(limit, int)), LONGEST))


def kept_of(output: Any, way: Way, left: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the state by path; empty where the output does not have it all."""
    parts = taken(output, way)
    return {} if parts is None else {**dict(named_tensors(parts)), **left}


def single_token(session: Session, axis: SequenceAxis, way: Way) -> SingleToken:
    """One token of one sequence alone, without earlier state; nothing where that fails."""
    try:
        with session.module() as module:
            call = session.call(module, session.resized(axis, 1, batch=1))
            return SingleToken(call.trace, sizes_of(kept_of(call.output, way, call.left)))
    except Failure:
        return SingleToken()


def with_lengths(lengths: Lengths, tensors: Sequence[StateTensor]) -> tuple[tuple[StateTensor, ...], dict[int, Sizes]]:
    """The tensors with where they are full, and the state's sizes at every other length that was traced."""
    if lengths.session.backend is REAL:
        return tuple(tensors), {}
    longer = dict(_longer(lengths, tensors))
    found = with_windows(tensors, lengths.axis.length, longer)
    shorter = dict(_filled(lengths, found))
    rows = tuple(_with_filled(lengths, tensor, shorter) for tensor in found)
    return rows, {**{tokens - 1: sizes for tokens, sizes in shorter.items()}, **longer}


def _longer(lengths: Lengths, tensors: Sequence[StateTensor]) -> Iterator[tuple[int, Sizes]]:
    """Longer prefills as far as their operators do not become too many: two, and more where a window shows.

    Where operators change with the length, twice that length tells whether they do so with every token.
    """
    last, operators, single = lengths.axis.length, lengths.operators, lengths.single.trace
    if not any(tensor.token_bytes for tensor in tensors):
        return
    each = max(0.0, (operators - len(single.graph)) / (last - 1)) if single else 1.0
    longest, further = lengths.longest, FURTHER * last
    for tokens in (further, 2 * further, longest, longest // 2):
        needed = each or tokens != 2 * further
        if not needed or not lengths.axis.length < tokens <= longest:
            continue
        if operators + each * (tokens - last) > max(MOST_OPERATORS, lengths.operators):
            continue
        try:
            sizes, ran = lengths.sizes(tokens)
        except Failure:
            return
        yield tokens, sizes
        if tokens == longest and all(_is_linear(tensor, sizes, tokens - lengths.axis.length) for tensor in tensors):
            return
        each = max(0.0, (ran - operators) / (tokens - last)) if tokens > last else each
        last, operators = tokens, ran


def _is_linear(tensor: StateTensor, sizes: Sizes, further: int) -> bool:
    return sizes.get(tensor.path) == tensor.nbytes + (tensor.token_bytes or 0) * further


def _filled(lengths: Lengths, tensors: Sequence[StateTensor]) -> Iterator[tuple[int, Sizes]]:
    """Windows that the example has filled, by their size, with the state's sizes one token before they are full."""
    windows = dict.fromkeys(window for tensor in tensors if (window := _window(lengths, tensor)) is not None)
    for window in list(windows)[:MOST_WINDOWS]:
        try:
            yield window, lengths.sizes(window - 1)[0]
        except Failure:
            return


def _window(lengths: Lengths, tensor: StateTensor) -> int | None:
    """As many tokens as a tensor that no longer grows may be full at: so many times what a single one left."""
    each = lengths.single.sizes.get(tensor.path, 0) * lengths.axis.batch
    if tensor.token_bytes != 0 or not each or tensor.nbytes % each or tensor.nbytes <= each:
        return None
    return tensor.nbytes // each


def _with_filled(lengths: Lengths, tensor: StateTensor, shorter: Mapping[int, Sizes]) -> StateTensor:
    """The tensor with the size of its window, where it was smaller by one token before that."""
    window = _window(lengths, tensor)
    if window is None or window not in shorter:
        return tensor
    before = shorter[window].get(tensor.path, tensor.nbytes)
    if (tensor.nbytes - before) * window != tensor.nbytes:
        return tensor
    return replace(tensor, full_at=window, full_bytes=tensor.nbytes)
