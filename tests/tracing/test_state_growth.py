"""Where windows are full, and sums by layer."""

from collections.abc import Mapping

import pytest
import torch

from analyzer.tracing.state_growth import memory_behind, sizes_of, state_of, with_windows
from analyzer.values.steps import StateTensor


def tensor(path: str = "keys", nbytes: int = 80, token_bytes: int | None = 8, layer: str = "attention") -> StateTensor:
    return StateTensor(path, layer, (10, 2), "float32", nbytes, token_bytes)


@pytest.mark.parametrize(
    ("kept", "sizes", "full"),
    [
        (tensor(), {80: 240, 1000: 240}, (30, 240)),
        (tensor(), {80: 80, 1000: 80}, (10, 80)),
        (tensor(), {80: 640, 1000: 8000}, (None, None)),
        (tensor(), {80: 240}, (None, None)),
        (tensor(), {80: 244, 1000: 244}, (None, None)),
        (tensor(token_bytes=0), {80: 80, 1000: 80}, (None, None)),
        (tensor(token_bytes=None), {80: 240, 1000: 240}, (None, None)),
        (tensor(), {5: 240, 1000: 240}, (None, None)),
        (tensor(), {}, (None, None)),
    ],
)
def test_a_window_is_full_where_its_growth_meets_what_two_longer_prefills_leave(
    kept: StateTensor, sizes: Mapping[int, int], full: tuple[int | None, int | None]
) -> None:
    (found,) = with_windows([kept], 10, {length: {"keys": size} for length, size in sizes.items()})
    assert (found.full_at, found.full_bytes) == full


def test_the_state_adds_up_by_layer_and_by_length() -> None:
    rows = (tensor("a.keys"), tensor("a.values"), tensor("b", 16, 0, "mixer"))
    found = state_of(rows, 200, {10: {"a": 176}, 5: {"a": 96, "b": 0}})
    assert (found.nbytes, found.memory_bytes, found.token_bytes) == (80 + 80 + 16, 200, 16)
    assert [(own.layer, own.nbytes, own.token_bytes) for own in found.layers] == [
        ("attention", 160, 16),
        ("mixer", 16, 0),
    ]
    assert [(size.tokens, size.nbytes) for size in found.sizes] == [(5, 96), (10, 176)]


def test_growth_is_unknown_where_that_of_one_tensor_is() -> None:
    assert state_of((tensor(), tensor(token_bytes=None)), 160, {}).token_bytes is None


def test_views_are_as_long_as_they_say_and_keep_the_memory_of_the_whole() -> None:
    whole = torch.zeros(10, 4)
    kept = {"part": whole[:3], "other": whole[5:], "expanded": torch.zeros(1, 4).expand(100, 4)}
    assert sizes_of(kept) == {"part": 3 * 4 * 4, "other": 5 * 4 * 4, "expanded": 4 * 4}
    assert memory_behind(kept) == 10 * 4 * 4 + 4 * 4
