"""Builds operators for the tables of expected costs."""

from collections.abc import Callable, Mapping

import pytest

from analyzer.formulas import cost_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Argument, Op, Tensor

Price = Callable[..., Cost | None]


@pytest.fixture(scope="session")
def price() -> Price:
    """The cost of one call, its overload left open."""

    def of(
        packet: str, arguments: Mapping[str, Argument], *outputs: Tensor, tags: frozenset[str] = frozenset()
    ) -> Cost | None:
        return cost_of(Op(f"{packet}.default", arguments, outputs, tags=tags))

    return of
