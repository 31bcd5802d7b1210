"""Blocks that are freed between others go back to the system while a fit runs."""

from collections.abc import Callable

import pytest
import torch

from analyzer.fitting.returned_memory import SETTINGS, returned_memory


def in_pieces() -> list[torch.Tensor]:
    """128 MB in blocks of 16 MB are made and freed; small ones stay where each of them ended, and are given."""
    large, small = list[torch.Tensor](), list[torch.Tensor]()
    for _ in range(8):
        large.append(torch.zeros(2**22))
        small.append(torch.zeros(2**16))
    return small


def test_what_is_freed_between_blocks_that_stay_is_given_back(
    bytes_taken: Callable[[Callable[[], object]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    torch.zeros(2**23 - 2**10)  # almost 32 MB: once it is freed, glibc keeps smaller blocks
    with returned_memory():
        taken = bytes_taken(lambda: (in_pieces(), torch.zeros(2**25)))
    assert taken < 1.3 * 8 * 2**24  # the pieces are gone before the one block of 128 MB is made


def test_settings_of_the_user_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTINGS[0], "65536")
    monkeypatch.setattr("analyzer.fitting.returned_memory._mallopt", lambda: pytest.fail("it was asked for"))
    with returned_memory():
        pass
