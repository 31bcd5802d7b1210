"""One forward with symbols for sizes: what was recorded is an expression in them, with what torch fixed."""

import torch
from torch import nn

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.tracing.symbolic_sizes import SymbolicTrace, symbolic_trace
from analyzer.values.scaling import Dimension


def traced(model: nn.Module, *shape: int) -> SymbolicTrace:
    loaded = from_module(model.eval(), (torch.zeros(shape),), {}, None)
    example = study(loaded).model
    assert example is not None
    name = example.count.trace.inputs[0].name
    dimensions = [Dimension("batch", shape[0], places=((name, 0),)), Dimension("length", shape[1], places=((name, 1),))]
    return symbolic_trace(loaded, example.count.trace, dimensions, {"batch": shape[0] + 1, "length": shape[1] + 1})


class Joined(nn.Module):
    """Twice the length."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x], 1)


def test_sizes_are_expressions_that_have_values() -> None:
    found = traced(Joined(), 2, 8)
    (op,) = (op for op in found.trace.graph if "cat" in op.name)
    batch, length = map(found.expression, op.outputs[0].shape)
    assert (found.at(batch, {"batch": 5, "length": 9}), found.at(length, {"batch": 5, "length": 9})) == (5, 18)
    assert length == found.expression(op.outputs[0].shape[1])
    assert (found.expression(7), found.at(7, {"batch": 5, "length": 9})) == (7, 7)
    assert found.fixed == ()


class Numbered(nn.Module):
    """Asks for the batch as a number of Python."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(int(x.shape[0]), -1) * 2


def test_a_size_that_torch_gives_one_value_is_fixed() -> None:
    assert [(size.name, size.size) for size in traced(Numbered(), 2, 8).fixed] == [("batch", 3)]
