"""Tables with their units read: limits, growth, exceptions, models and devices."""

from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from analyzer.config.tables import READERS, Budget, Config, Increase, ModelConfig
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


def read(kind, **keys):
    return msgspec.convert(keys, kind, dec_hook=lambda wanted, value: wanted(READERS[wanted](value)))


def test_limits_are_integers_by_metric() -> None:
    budget = read(Budget, params="5.0M", size="98MiB", **{"peak-memory": "1GiB"})
    assert budget.limits == {"params": 5_000_000, "size": 98 * 2**20, "peak-memory": 2**30}


def test_growth_is_a_share_and_the_amount_that_is_always_allowed() -> None:
    budget = read(Budget, **{"max-increase": {"params": "2%", "min": "20k"}})
    (increase,) = budget.increases
    assert increase.shares == {"params": Fraction(2, 100)}
    assert increase.min == 20_000
    assert Budget(max_increase=(Increase(), Increase())).increases == (Increase(), Increase())


@pytest.mark.parametrize(
    ("budget", "title"),
    [(Budget(name="mobile", match="a.*"), "mobile"), (Budget(match="a.*"), "a.*"), (Budget(), "budget")],
)
def test_a_budget_is_called_by_its_name_or_its_part(budget: Budget, title: str) -> None:
    assert budget.title == title


def test_a_key_that_there_is_not_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="parms"):
        read(Budget, parms="1")


def test_a_model_is_asked_for_as_on_the_command_line() -> None:
    model = ModelConfig(target="net.py", name="mine", input="1x3x8x8", set={"depth": 2, "wide": True})
    assert model.request == ModelRequest("net.py", ("1x3x8x8",), None, {"depth": "2", "wide": "True"}, name="mine")


def test_paths_are_relative_to_the_file() -> None:
    assert Config(file=Path("project/analyze.toml")).directory == Path("project")


def test_a_device_of_the_projects_own() -> None:
    config = Config(
        devices={"board": {"peak_gflops": 100, "bandwidth_gbs": 10}, "bad": {"peak_gflops": -1, "bandwidth_gbs": 1}}
    )
    board = config.device("board")
    assert board is not None
    assert board.name == "board"
    assert config.device("other") is None
    with pytest.raises(Problem):
        config.device("bad")
