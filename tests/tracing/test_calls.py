"""The calls of one forward as hooks and replaced functions see them; nothing stays replaced."""

import torch
from torch import nn
from torch.nn import functional

from analyzer.loading import from_module
from analyzer.tracing.calls import ForwardCalls, Packed, Shaped, calls_of


def calls(module: nn.Module, *args: object) -> ForwardCalls:
    return calls_of(from_module(module, args, {}), "meta", 0)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 6), nn.BatchNorm1d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.gelu(self.norm(self.linear(x)))
        return torch.matmul(y, y.mT) + (y @ y.mT).mul(2)


def test_modules_functions_and_operators() -> None:
    found = calls(Net(), torch.rand(3, 4))
    assert [(call.path, type(call.module).__name__) for call in found.modules] == [
        ("linear", "Linear"),
        ("norm", "BatchNorm1d"),
        ("", "Net"),
    ]
    assert found.modules[0].args == (Shaped((3, 4), "float32"),)
    assert found.modules[0].output == Shaped((3, 6), "float32")
    # `@` is a function of its own, `+` is none.
    assert [(call.name, call.path) for call in found.functions] == [
        ("F.linear", "linear"),
        ("F.batch_norm", "norm"),
        ("F.gelu", ""),
        ("torch.matmul", ""),
        ("Tensor.__matmul__", ""),
        ("Tensor.mul", ""),
    ]
    packets = [op.packet for op in found.operators]
    assert packets[:3] == ["aten.linear", "aten.batch_norm", "aten.gelu"]
    assert packets.count("aten.matmul") == 2


def test_the_forward_runs_in_evaluation_and_the_model_stays_in_training() -> None:
    model = Net().train()
    mean = model.norm.running_mean.clone()
    (norm,) = (call for call in calls(model, torch.rand(3, 4)).functions if call.name == "F.batch_norm")
    assert norm.args[5] is False
    assert model.training
    assert model.norm.training
    assert torch.equal(model.norm.running_mean, mean)


def test_functions_are_torchs_own_again() -> None:
    before = functional.relu, torch.matmul, torch.Tensor.mul, torch.Tensor.__matmul__
    held = "__matmul__" in vars(torch.Tensor)
    calls(Net(), torch.rand(3, 4))
    assert (functional.relu, torch.matmul, torch.Tensor.mul, torch.Tensor.__matmul__) == before
    assert ("__matmul__" in vars(torch.Tensor)) is held


def test_a_packed_sequence_keeps_its_steps() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.rand(3, 4), torch.rand(2, 4)])
    found = calls(nn.LSTM(4, 5), packed)
    assert found.args == (Packed(Shaped((5, 4), "float32"), (2, 2, 1)),)


def test_what_kernels_call_in_python_is_not_the_models() -> None:
    found = calls(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), torch.rand(2, 3, 8))
    names = [call.name for call in found.functions]
    assert names.count("F.linear") == 4  # in and out of attention, and both of the feed-forward part
    assert names.count("F.scaled_dot_product_attention") == 1
