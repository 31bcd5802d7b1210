"""The peak is the largest of a few polynomials, at every size."""

import torch
from torch import nn

from analyzer import analyze


class EitherPeak(nn.Module):
    """Holds most in its scores, (batch, sequence, sequence), or in its wide hidden layer, by the sequence's length."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(8, 512), nn.Linear(512, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = self.narrow(self.wide(tokens))
        return torch.softmax(tokens @ tokens.transpose(1, 2), -1)


def test_the_peak_moves_from_one_operator_to_another() -> None:
    found = analyze(EitherPeak().eval(), torch.zeros(2, 64, 8), symbolic=True)
    assert found.scaling is not None
    assert len(found.scaling.peak_activation_bytes) > 1
    for sequence in (8, 64, 300, 1000):
        traced = analyze(EitherPeak().eval(), torch.empty(2, sequence, 8, device="meta"))
        assert found.at(sequence=sequence).total.peak_activation_bytes == traced.total.peak_activation_bytes


def test_what_another_always_exceeds_is_left_out() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 32), nn.Linear(32, 8)).eval()
    found = analyze(model, torch.zeros(2, 8), symbolic=True)
    assert found.scaling is not None
    (peak,) = found.scaling.peak_activation_bytes
    assert peak.at((10,)) == 10 * (16 + 32) * 4
