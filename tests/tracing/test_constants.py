"""What a forward makes of nothing but sizes can be asked for its values on meta tensors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.tracing.constants import SMALL, is_small_constant

aten = torch.ops.aten
META = {"device": torch.device("meta")}


@pytest.mark.parametrize(
    ("func", "args", "dtype"),
    [
        (aten.arange.default, (SMALL,), None),
        (aten.arange.start, (5, 5 + SMALL), torch.int64),
        (aten.arange.start_step, (0, 2 * SMALL, 2), None),
        (aten.arange.start_step, (9, 0, -1), None),
        (aten.ones.default, ([2, SMALL // 2],), None),
        (aten._to_copy.default, (torch.ones(3, 4),), torch.bool),
    ],
)
def test_kept(func: Any, args: tuple[Any, ...], dtype: torch.dtype | None) -> None:
    assert is_small_constant(func, args, {**META, "dtype": dtype})


@pytest.mark.parametrize(
    ("func", "args", "dtype"),
    [
        (aten.arange.default, (SMALL + 1,), None),
        (aten.arange.default, (7.5,), None),
        (aten.arange.start, (0, 7), torch.float32),
        (aten.arange.start_step, (0, 1, 0.1), None),
        (aten.ones.default, ([2, SMALL],), None),
        (aten.zeros.default, ([2],), None),  # made to be written to
        (aten.empty.memory_format, ([2],), None),
        (aten._to_copy.default, (torch.ones(3, 4),), None),
        (aten._to_copy.default, (torch.ones(SMALL + 1),), torch.bool),
    ],
)
def test_not_kept(func: Any, args: tuple[Any, ...], dtype: torch.dtype | None) -> None:
    assert not is_small_constant(func, args, {**META, "dtype": dtype})


class Forward(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function
        self.linear = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.function(x))


def skip_a_mask_of_ones(x: torch.Tensor) -> torch.Tensor:
    mask = torch.ones(x.shape[0], x.shape[1], device=x.device).to(device=x.device, dtype=torch.bool)
    return x if mask.all() else x.repeat(2, 1)


def one_sequence(x: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
    return x if (torch.diff(positions) == 1).all() else x.repeat(2, 1)


def add_positions(x: torch.Tensor) -> torch.Tensor:
    return x + torch.arange(x.shape[1], device=x.device)


def write_to_positions(x: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(x.shape[1], device=x.device)
    positions[0] = x[0, 0].long()
    return x + positions


@pytest.mark.parametrize(
    ("function", "mode"),
    [(skip_a_mask_of_ones, "meta"), (one_sequence, "meta"), (add_positions, "meta"), (write_to_positions, "fake")],
)
def test_the_backend(function: Callable[[torch.Tensor], torch.Tensor], mode: str) -> None:
    analysis = analyze(Forward(function), torch.empty(3, 6, device="meta"))
    assert (analysis.tracing.mode, analysis.total.macs) == (mode, 3 * 6 * 4)


def test_values_of_the_input_are_never_made_up() -> None:
    analysis = analyze(Forward(lambda x: x if (x > 0).all() else x.repeat(2, 1)), torch.ones(3, 6))
    assert (analysis.tracing.mode, analysis.total.macs) == ("real", 3 * 6 * 4)
