"""Costs of operators as polynomials: interpolated from few sizes, and right at any."""

import pytest
import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.scaling.costs import OperatorCosts
from analyzer.scaling.recordings import Recordings
from analyzer.scaling.search import found
from analyzer.tracing import trace
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension


class Attentive(nn.Module):
    """Two equal layers, and a product that grows with the square of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.two(self.one(x))
        return x @ x.mT


def traced(*shape: int) -> Trace:
    return trace(LoadedModel("m", "m", Attentive().to("meta"), (Inputs((InputSpec(shape),)),)))


@pytest.fixture(scope="module")
def costs() -> OperatorCosts:
    example = Count(traced(1, 6, 4))
    dimension = Dimension("sequence", 6, places=((example.trace.inputs[0].name, 1),))
    recordings = Recordings(example, [dimension], lambda shapes: traced(*next(iter(shapes.values()))), {})
    return OperatorCosts(found(recordings, [dimension]).fit)


def test_equal_operators_are_of_one_kind(costs: OperatorCosts) -> None:
    names = [structure[0] for structure in costs.fit.stream.operators]
    kinds = dict.fromkeys(zip(names, costs.kinds, strict=True))
    products = {kind for name, kind in kinds if "bmm" in name or "matmul" in name}
    linears = {kind for name, kind in kinds if kind not in products}
    assert products.isdisjoint(linears)
    assert len(set(costs.kinds)) == len(costs.polynomials) < len(names)


@pytest.mark.parametrize("sequence", [1, 6, 100, 12_345])
def test_the_sum_over_all_operators_is_the_work_of_a_trace(costs: OperatorCosts, sequence: int) -> None:
    step = costs.fit.dimensions[0].step(sequence)
    macs = [kind[0] for kind in costs.polynomials]
    assert sum(macs[kind].at((step,)) for kind in costs.kinds) == 2 * sequence * 4 * 4 + sequence**2 * 4
