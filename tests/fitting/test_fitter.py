"""What may be changed in a model, why the rest may not, and the inputs it is judged on."""

import pytest
import torch
from torch import nn

from analyzer.fitting.calibration_batches import calibration_of
from analyzer.fitting.fitter import NO_GAIN, Fitter
from analyzer.loading import from_module


class Net(nn.Module):
    """A layer to replace, a grouped one, one that is too small to save anything, and attention that reads weights."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.grouped = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.tiny, self.norm = nn.Conv2d(16, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.head = nn.Linear(64, 32)
        self.attention = nn.MultiheadAttention(32, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(self.tiny(self.norm(self.grouped(self.wide(x)).relu())).flatten(2))
        return self.attention(y, y, y)[0]


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    torch.manual_seed(0)
    model = Net().eval()
    images = torch.randn(32, 3, 8, 8)
    return Fitter(from_module(model, (images[:1],), {}), model, calibration_of(model, images, "given"))


def test_layers_of_torchs_own_that_save_something_have_choices(fitter: Fitter) -> None:
    assert {choice.path for choice in fitter.choices} == {"wide", "head"}


def test_the_others_say_why_they_stay(fitter: Fitter) -> None:
    reasons = {layer.path: layer.reason for layer in fitter.left_alone}
    assert reasons.keys() == {"grouped", "tiny"}
    assert "groups" in reasons["grouped"]
    assert reasons["tiny"] == NO_GAIN


def test_calls_are_in_order(fitter: Fitter) -> None:
    order = [path for path in fitter.calls if path in ("wide", "grouped", "norm", "tiny", "head")]
    assert order == ["wide", "grouped", "norm", "tiny", "head"]
    assert set(fitter.calls.values()) == {1}


def test_the_reference_gives_what_the_model_gives_and_is_another_module(fitter: Fitter) -> None:
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(fitter.reference(x), fitter.model(x))
    assert fitter.reference is not fitter.model
    assert fitter.reference.wide.weight is fitter.model.wide.weight


def test_a_model_without_dead_channels_is_fitted_as_it_is(fitter: Fitter) -> None:
    assert fitter.without_dead_channels() is fitter


def test_what_is_judged_are_the_outputs_that_were_held_out(fitter: Fitter) -> None:
    baseline = fitter.baseline
    assert baseline.held_out == fitter.calibration.held_out
    with torch.no_grad():
        expected = fitter.model(*baseline.held_out[0].args)
    assert torch.allclose(baseline.wanted[0][0], expected, atol=1e-5)
    assert set(baseline.calls) == {"wide", "head"}
