"""The second trace, with symbols for sizes, agrees or says in what it does not."""

import pytest
import torch
import torchvision
from torch import nn

from analyzer import analyze
from analyzer.values.scaling import SymbolicShapes


def second(model: nn.Module, *shape: int) -> SymbolicShapes:
    scaling = analyze(model.eval(), torch.empty(shape, device="meta"), symbolic=True).scaling
    assert scaling is not None
    assert scaling.symbolic is not None
    return scaling.symbolic


def test_convolutions_agree_in_every_size() -> None:
    layers = (nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(1))
    found = second(nn.Sequential(*layers), 1, 3, 32, 32)
    assert (found.outcome, found.reason, found.fixed) == ("agrees", "", ())


def test_attention_agrees() -> None:
    class Attention(nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.softmax(tokens @ tokens.transpose(1, 2), -1) @ tokens

    assert second(Attention(), 2, 16, 8).outcome == "agrees"


def test_what_torch_cannot_follow_is_named() -> None:
    with torch.device("meta"):
        found = second(torchvision.models.swin_t(), 1, 3, 224, 224)
    assert found.outcome == "failed"
    assert "layer `features.1.0.attn`" in found.reason


class FixesTheBatch(nn.Module):
    """Asks for the batch as a number of Python, which gives a symbol one value."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(int(x.shape[0]), -1) * 2


def test_a_size_that_torch_fixes_is_named() -> None:
    found = second(FixesTheBatch(), 2, 8, 4)
    assert "batch" in [size.name for size in found.fixed]


@pytest.mark.parametrize("most", [2])
def test_long_forwards_are_skipped_and_said_to_be(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.scaling.agreement.MOST_OPERATORS", most)
    found = second(nn.Sequential(*(nn.Linear(4, 4) for _ in range(3))), 2, 4)
    assert found.outcome == "failed"
    assert found.reason == f"it was not tried, for the forward has 3 operators, more than {most}"
