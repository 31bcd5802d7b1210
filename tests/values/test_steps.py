"""State at other lengths."""

import pytest

from analyzer.values.steps import State, StateSize, StateTensor, Steps

KEYS = StateTensor("keys", "", (1, 8, 4), "float32", 128, 16)
WINDOW = StateTensor("window", "", (1, 8, 4), "float32", 128, 16, full_at=20, full_bytes=320)
FULL = StateTensor("full", "", (1, 5, 4), "float32", 80, 0, full_at=5, full_bytes=80)
CONSTANT = StateTensor("hidden", "", (2,), "float32", 8, 0)


def steps(*sizes: StateSize, growth: int | None = 32) -> Steps:
    tensors = (KEYS, WINDOW, FULL, CONSTANT)
    state = State(344, 344, growth, (), tensors, (StateSize(4, 200), StateSize(8, 344), *sizes))
    return Steps("laptop-core", "float32", 8, 1, state)


@pytest.mark.parametrize(
    ("tokens", "nbytes"), [(8, 344), (9, 376), (20, 344 + 12 * 32), (100, 344 + 92 * 16 + 12 * 16)]
)
def test_state_grows_with_each_token_until_its_windows_are_full(tokens: int, nbytes: int) -> None:
    assert steps(StateSize(100, 344 + 92 * 16 + 12 * 16)).state_bytes(tokens) == nbytes


def test_nothing_is_said_of_fewer_tokens_or_against_a_traced_length() -> None:
    assert steps().state_bytes(7) is None
    assert steps(StateSize(100, 9999)).state_bytes(9) is None
    assert steps(growth=None).state_bytes(9) is None
    assert Steps("laptop-core", "float32", 8, 1, None).state_bytes(9) is None
