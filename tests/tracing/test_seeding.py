"""What a forward draws outside torch is the same in every analysis, and the user's generators go on where they were."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.tracing.forward import DRAWN

ONCE = 2 * 8 * 8
"""MACs of one Linear(8, 8) on two rows."""


def drawing(draw: Any) -> Any:
    def run(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        for _ in range(20):
            x = layer(x) if draw() < 0.5 else x
        return x

    return run


DRAWS = {"random": random.random, "numpy": np.random.rand}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_random_numbers_are_those_of_a_seed(repeated, draw: Any) -> None:
    model = repeated(drawing(draw))
    first = analyze(model, torch.randn(2, 8))
    next_one = draw()
    assert all(analyze(model, torch.randn(2, 8)).total == first.total for _ in range(3))
    assert DRAWN in first.model.assumptions
    random.seed(0)
    np.random.seed(0)
    assert first.total.macs == ONCE * sum(draw() < 0.5 for _ in range(20))
    assert next_one != draw()


def test_generators_of_python_and_numpy_go_on_where_they_were(repeated) -> None:
    random.seed(7)
    np.random.seed(7)
    expected = random.random(), np.random.rand()
    random.seed(7)
    np.random.seed(7)
    analyze(repeated(drawing(lambda: random.random() + np.random.rand())), torch.randn(2, 8))
    assert (random.random(), np.random.rand()) == expected


def test_who_draws_nothing_is_told_nothing() -> None:
    assert analyze(nn.Linear(8, 8), torch.randn(2, 8)).model.assumptions == ()


class Drawing(nn.Module):
    """Draws from a generator of its own, which nobody has seeded."""

    def __init__(self, generator: Any) -> None:
        super().__init__()
        self.layer, self.generator = nn.Linear(8, 8), generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(20):
            x = self.layer(x) if self.generator.uniform(0, 1) < 0.5 else x
        return x


OWN = {"random": random.Random, "numpy": np.random.default_rng, "numpy before": np.random.RandomState}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN.keys())
def test_a_models_own_generator_starts_at_the_seed(make: Any) -> None:
    seeded = make(0)
    macs = ONCE * sum(seeded.uniform(0, 1) < 0.5 for _ in range(20))
    model = Drawing(make(5))
    analysis = analyze(model, torch.randn(2, 8))
    assert (analysis.total.macs, analysis.model.assumptions) == (macs, (DRAWN,))
    assert analyze(Drawing(make()), torch.randn(2, 8)).total.macs == macs
    assert model.generator.uniform(0, 1) == make(5).uniform(0, 1)


def test_the_systems_generator_is_left_alone() -> None:
    assert analyze(Drawing(random.SystemRandom()), torch.randn(2, 8)).model.assumptions == ()


def through_a_closure(generator: Any) -> Any:
    return drawing(lambda: generator.uniform(0, 1))


def through_a_method(generator: Any) -> Any:
    return drawing(generator.random if hasattr(generator, "random") else generator.random_sample)


@pytest.mark.parametrize("reach", [through_a_closure, through_a_method])
@pytest.mark.parametrize("make", OWN.values(), ids=OWN.keys())
@pytest.mark.parametrize("owned", [True, False])
def test_a_generator_in_a_closure_starts_at_the_seed(repeated, make: Any, reach: Any, owned: bool) -> None:
    seeded, generator = make(0), make(5)
    macs = ONCE * sum(seeded.uniform(0, 1) < 0.5 for _ in range(20))
    loaded = replace(from_module(repeated(reach(generator)), (torch.randn(2, 8),), {}), owned=owned)
    assert [study(loaded).analysis.total.macs for _ in range(2)] == [macs, macs]
    assert generator.uniform(0, 1) == make(5).uniform(0, 1)


def test_a_torch_generator_of_a_module_starts_at_the_seed() -> None:
    class Noisy(nn.Module):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.layer, self.generator = nn.Linear(8, 8), torch.Generator().manual_seed(seed)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(20):
                x = self.layer(x) if torch.rand((), generator=self.generator).item() < 0.5 else x
            return x

    seeded = torch.Generator().manual_seed(0)
    macs = ONCE * sum(torch.rand((), generator=seeded).item() < 0.5 for _ in range(20))
    model = Noisy(5)
    analysis = analyze(model, torch.randn(2, 8))
    assert (analysis.total.macs, analysis.model.assumptions) == (macs, (DRAWN,))
    assert torch.equal(model.generator.get_state(), torch.Generator().manual_seed(5).get_state())
