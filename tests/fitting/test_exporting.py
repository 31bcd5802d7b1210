"""A fitted model goes through the exporters of torch, or it is said why not."""

from typing import Any

import torch
from torch import nn


def test_the_fitted_model_is_exported(digits: Any, half: Any) -> None:
    from analyzer.fitting.exporting import exported
    from analyzer.fitting.networks import Batch

    assert exported(half.model, Batch((digits.images[:1],), {})) == (("torch.export", "ONNX"), ())
    program = torch.export.export(half.model, (digits.images[:1],)).module()
    assert torch.allclose(program(digits.images[:1]), half.model(digits.images[:1]), atol=1e-5)


def test_what_cannot_be_exported_is_said(digits: Any) -> None:
    from analyzer.fitting.exporting import exported
    from analyzer.fitting.networks import Batch

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    taken, refused = exported(Asks(), Batch((digits.images[:1],), {}))
    assert taken == ()
    assert [text.partition(" refuses the fitted model: ")[0] for text in refused] == ["torch.export", "ONNX"]
