"""Windows that longer and shorter prefills show, and prefills that would take too long."""

import pytest
import torch
from torch import nn

from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.tracing.other_lengths import FURTHER, LONGEST, MOST_OPERATORS
from analyzer.tracing.step_traces import step_traces
from analyzer.values.steps import State

KEY = 2 * 16 * 4
"""Bytes that one token of both sequences leaves in one tensor."""


class Windowed(nn.Module):
    """Keeps the last few keys and values, as many as the windows say."""

    def __init__(self, *windows: int, steps: int = 0, several: int = 0) -> None:
        super().__init__()
        self.embedding, self.windows, self.steps, self.several = nn.Embedding(50, 16), windows, steps, several

    def forward(
        self, tokens: torch.Tensor, past: tuple[torch.Tensor, ...] | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        keys = [self.embedding(tokens) for _ in self.windows]
        if past is not None:
            keys = [torch.cat(pair, dim=1) for pair in zip(past, keys, strict=True)]
        for _ in range(self.steps * tokens.shape[1] + self.several * (tokens.shape[1] > self.windows[0])):
            keys = [key + 1 for key in keys]
        return keys[0].sum(1), tuple(key[:, -window:] for key, window in zip(keys, self.windows, strict=True))


def state(model: nn.Module, length: int = 12) -> State:
    loaded = from_module(model.eval(), (torch.zeros(2, length, dtype=torch.int64),), {}, None)
    found = step_traces(loaded, trace(loaded))
    assert found.state is not None, found.reason
    return found.state


def full(kept: State) -> list[tuple[int | None, int | None]]:
    return [(tensor.full_at, tensor.full_bytes) for tensor in kept.tensors]


def test_windows_are_full_where_longer_prefills_say() -> None:
    kept = state(Windowed(40, 1000, 10**9))
    assert full(kept) == [(40, 40 * KEY), (1000, 1000 * KEY), (None, None)]
    assert kept.token_bytes == 3 * KEY
    assert {size.tokens: size.nbytes for size in kept.sizes} == {
        12: 3 * 12 * KEY,
        FURTHER * 12: (40 + 2 * FURTHER * 12) * KEY,
        LONGEST // 2: (40 + 1000 + LONGEST // 2) * KEY,
        LONGEST: (40 + 1000 + LONGEST) * KEY,
    }


def test_windows_that_are_full_already_are_told_by_a_shorter_prefill() -> None:
    kept = state(Windowed(5, 10**9))
    assert full(kept) == [(5, 5 * KEY), (None, None)]
    assert kept.token_bytes == KEY
    assert kept.sizes[0].tokens == 4
    assert kept.sizes[0].nbytes == 2 * 4 * KEY


def test_what_grows_with_every_token_takes_no_third_prefill() -> None:
    assert [size.tokens for size in state(Windowed(10**9)).sizes] == [12, FURTHER * 12, LONGEST]


class Summing(nn.Module):
    """State of one size, whatever the length."""

    def forward(self, x: torch.Tensor, past: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        total = x.cumsum(1) if past is None else x.cumsum(1) + past[:, None]
        return total, total[:, -1]


def test_state_that_does_not_depend_on_the_length_takes_no_other_prefill() -> None:
    loaded = from_module(Summing(), (torch.zeros(2, 12, 16),), {}, None)
    found = step_traces(loaded, trace(loaded))
    assert found.state is not None
    assert [size.tokens for size in found.state.sizes] == [12]
    assert full(found.state) == [(None, None)]


def test_no_prefill_is_made_that_would_run_too_many_operators() -> None:
    kept = state(Windowed(10**9, steps=20))
    assert 20 * 2 * FURTHER * 12 < MOST_OPERATORS < 20 * LONGEST
    assert [size.tokens for size in kept.sizes] == [12, FURTHER * 12, 2 * FURTHER * 12]
    assert full(kept) == [(None, None)]


def test_operators_that_a_full_window_takes_are_not_taken_for_those_of_each_token() -> None:
    kept = state(Windowed(40, several=40))
    assert full(kept) == [(40, 40 * KEY)]
    assert kept.sizes[-1].tokens == LONGEST


@pytest.mark.parametrize(("limit", "tokens"), [(64, [12, 64]), (12, [12]), (None, [12, FURTHER * 12, LONGEST])])
def test_no_prefill_is_longer_than_the_configuration_allows(limit: int | None, tokens: list[int]) -> None:
    model = Windowed(10**9)
    model.config = type("Config", (), {"max_position_embeddings": limit})()
    assert [size.tokens for size in state(model).sizes] == tokens
