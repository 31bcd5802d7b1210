"""All estimates of a model together."""

from collections.abc import Callable

from torch import nn

from analyzer.estimating import estimate
from analyzer.formulas.count import Count
from analyzer.values.devices import device_for
from analyzer.values.estimates import TrainingFootprint

Counted = Callable[..., Count]


def test_everything_that_applies(counted: Counted) -> None:
    training = TrainingFootprint("sgd", 1, 2, 3, 4, 5)
    found = estimate(counted(nn.Linear(8, 8), 1, 8), device_for("cortex-m7"), training=training)
    assert found.time.device == "cortex-m7"
    assert found.memory.layer == ""
    assert found.energy is not None
    assert found.deployability is not None
    assert found.training == training
    assert training.total == 15


def test_a_server_has_no_limits(counted: Counted) -> None:
    found = estimate(counted(nn.Linear(8, 8), 1, 8), device_for("a100"))
    assert found.deployability is None
    assert found.time.proposals == ()
