"""A fit takes few traces: sizes are traced together only where something depends on them together."""

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.tracing import resizing


class Scores(nn.Module):
    """Tokens in a row, which are as many as batch and sequence together."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(0, 1).exp()


@pytest.mark.parametrize(
    ("model", "shape", "traces"),
    [
        # the corner and a line along each of three sizes, the smallest and the largest sizes
        (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 16, 16), 1 + 3 + 2),
        # the same of three sizes, and all corners of the box in batch and sequence
        (Scores(), (2, 8, 4), 1 + 3 + 1 + 2),
    ],
)
def test_traces(model: nn.Module, shape: tuple[int, ...], traces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, ...]] = []  # without the second trace, whose sizes are symbols
    trace = resizing.resized

    def counted(module: nn.Module, inputs: resizing.Inputs, shapes: dict[str, tuple[int, ...]]) -> resizing.Inputs:
        made.extend(shape for shape in shapes.values() if all(type(size) is int for size in shape))
        return trace(module, inputs, shapes)

    monkeypatch.setattr(resizing, "resized", counted)
    found = analyze(model.eval(), torch.zeros(shape), symbolic=True)
    assert found.scaling is not None
    assert len(made) == traces
