"""The graph's edges, storages and lifetimes are those of the forward."""

from collections.abc import Callable
from typing import Any

import networkx as nx
import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import trace
from analyzer.values.graph import Op, Trace


def traced(function: Callable[..., Any], *shape: int, **members: Any) -> Trace:
    class Forward(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return function(self, x)

    model = Forward()
    for name, member in members.items():
        setattr(model, name, member)
    return trace(LoadedModel("m", "m", model, (Inputs((InputSpec(shape),)),), owned=False))


def named(result: Trace, name: str) -> Op:
    (op,) = (op for op in result.ops if op.packet == f"aten.{name}")
    return op


def producers(result: Trace, name: str) -> list[str]:
    return [op.packet.removeprefix("aten.") for op in result.graph.predecessors(named(result, name))]


def test_a_chain() -> None:
    result = traced(lambda m, x: x.sin().cos().exp(), 3)
    assert [op.packet for op in result.ops] == ["aten.sin", "aten.cos", "aten.exp"]
    assert producers(result, "exp") == ["cos"]
    assert producers(result, "sin") == []


def test_a_branch_that_joins() -> None:
    result = traced(lambda m, x: torch.maximum(x.sin(), x.cos()), 3)
    assert producers(result, "maximum") == ["sin", "cos"]


def test_views_lead_to_what_they_are_views_of() -> None:
    result = traced(lambda m, x: x.sin().view(3, 2).t().exp(), 6)
    assert producers(result, "exp") == ["t"]
    assert nx.has_path(result.graph, named(result, "sin"), named(result, "exp"))
    storages = {op.outputs[0].storage for op in result.ops if op.packet in ("aten.sin", "aten.view", "aten.t")}
    assert len(storages) == 1


def test_reading_after_writing_in_place_depends_on_the_write() -> None:
    def forward(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = x.sin()
        y[:2].relu_()
        return y.exp()

    result = traced(forward, 6)
    assert set(producers(result, "exp")) == {"sin", "relu_"}


def test_reading_before_writing_does_not() -> None:
    def forward(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = x.sin()
        z = y.exp()
        y.relu_()
        return z

    assert producers(traced(forward, 6), "exp") == ["sin"]


def test_the_graph_is_acyclic_and_in_execution_order() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(True), nn.Flatten(), nn.Linear(64, 2))
    result = traced(lambda m, x: m.body(x), 1, 3, 6, 6, body=model)
    order = {op: index for index, op in enumerate(result.ops)}
    assert all(order[a] < order[b] for a, b in result.graph.edges)
    assert nx.is_directed_acyclic_graph(result.graph)


def test_weights_keep_their_names_through_views() -> None:
    result = traced(
        lambda m, x: x @ m.w.t().contiguous().t().t() if False else x @ m.w.t(), 2, 6, w=nn.Parameter(torch.ones(4, 6))
    )
    assert named(result, "mm").tensor("mat2").weight == "w"
    assert named(result, "mm").tensor("self").weight is None


def test_layers_of_operators() -> None:
    result = traced(lambda m, x: m.b(m.a(x).relu()).exp(), 2, 6, a=nn.Linear(6, 4), b=nn.Sequential(nn.Linear(4, 3)))
    assert [(op.packet, op.layer) for op in result.ops if op.packet in ("aten.relu", "aten.exp", "aten.addmm")] == [
        ("aten.addmm", "a"),
        ("aten.relu", ""),
        ("aten.addmm", "b.0"),
        ("aten.exp", ""),
    ]


def test_arguments_have_their_schemas_names_and_defaults() -> None:
    op = named(traced(lambda m, x: m.c(x), 1, 4, 8, 8, c=nn.Conv2d(4, 6, 3, 2, 1, groups=2)), "convolution")
    assert op.tensor("weight").shape == (6, 2, 3, 3)
    assert (op.integers("stride"), op.integers("padding"), op.integer("groups")) == ((2, 2), (1, 1), 2)
    assert op.arguments["transposed"] is False
    assert named(traced(lambda m, x: x.sum(), 3), "sum").arguments["dtype"] is None


def test_lifetimes_are_those_of_eager_execution() -> None:
    """sin is let go once cos was computed from it; what is returned is never freed."""
    result = traced(lambda m, x: x.sin().cos(), 100)
    assert [(a.nbytes, a.born, a.freed) for a in result.allocations] == [(400, 0, 1), (400, 1, None)]


def test_a_view_holds_the_memory() -> None:
    result = traced(lambda m, x: x.sin()[:2].exp().cos(), 100)
    sin = result.allocations[0]
    order = [op.packet for op in result.ops]
    assert (sin.nbytes, order[sin.freed or 0]) == (400, "aten.exp")


def test_in_place_work_allocates_nothing() -> None:
    assert len(traced(lambda m, x: x.sin().relu_().mul_(2), 100).allocations) == 1
